"""What is held in memory for skip connections at prediction: UNet-- beside the same U-Net.

python benchmarks/skip_memory.py

Exact and in no time: networks run on torch's meta device, which knows shapes and no numbers, and
every tensor that an operation returns is watched until Python lets go of it.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from common import report
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from napari_unet.networks import registry

CASES = (
    # width, depth, size
    (64, 4, (512, 512)),
    (32, 4, (512, 512)),
    (16, 4, (512, 512)),
    (16, 3, (512, 512)),
    (16, 2, (512, 512)),
    (16, 4, (64, 64, 64)),
    (16, 3, (64, 64, 64)),
)


class _Results(TorchDispatchMode):
    """Remembers, without holding on to them, the tensors that operations return."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[weakref.ref[Tensor]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.tensors += [weakref.ref(t) for t in tree_leaves(result) if isinstance(t, Tensor)]
        return result

    def storages(self) -> dict[int, int]:
        """Bytes of each storage that is alive, by its identity."""
        alive = [t.untyped_storage() for ref in self.tensors if (t := ref()) is not None]
        return {storage._cdata: storage.nbytes() for storage in alive}


def held_across_the_bottleneck(network: nn.Module, x: Tensor) -> int:
    """Bytes of maps that are alive, beside its own input, when the lowest level begins.

    ``network`` has a contracting path, ``contracting``, whose last block is the lowest level; it is
    put into evaluation mode. These maps are what skip connections keep for the expansive path.
    """
    held: list[int] = []
    results = _Results()

    def look(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        storages = results.storages()
        storages.pop(inputs[0].untyped_storage()._cdata)
        held.append(sum(storages.values()))

    lowest = list(network.contracting)[-1]  # type: ignore[arg-type]
    handle = lowest.register_forward_pre_hook(look)
    try:
        with torch.no_grad(), results:
            network.eval()(x)
    finally:
        handle.remove()
    (bytes_held,) = held
    return bytes_held


def compare(width: int, depth: int, size: tuple[int, ...]) -> tuple[int, int]:
    """Bytes that ``unet`` and ``unet_reduced_skip`` hold for one image of ``size``, in float32."""
    shared: dict[str, Any] = {"width": width, "depth": depth, "norm": "batch"}
    held = []
    with torch.device("meta"):
        for name, more in (("unet", {"padding": "same"}), ("unet_reduced_skip", {})):
            network = registry.build(
                name, dims=len(size), in_channels=1, out_channels=2, arguments=shared | more
            )
            held.append(held_across_the_bottleneck(network, torch.empty(1, 1, *size)))
    return held[0], held[1]


def main() -> None:
    """One line for each case."""
    for width, depth, size in CASES:
        unet, reduced = compare(width, depth, size)
        report(
            width=width,
            depth=depth,
            size=size,
            unet_bytes=unet,
            reduced_bytes=reduced,
            saved_percent=round(100 * (1 - reduced / unet), 1),
        )


if __name__ == "__main__":
    main()
