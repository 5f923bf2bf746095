"""Which convolution takes its channels from which: what must be cut together. Free of torch.

Taking a channel out of a convolution takes a filter and its bias from it, the entries of the
normalisations behind it, and the same channel from the kernels of all that read it. In
encoder-decoder networks layers are only concatenated, never added, so that every channel can go
without another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

IMAGE = -1
"""Source of a layer that reads the image."""


@dataclass(frozen=True)
class Layer:
    """A convolution and what normalises it.

    name
        Of the convolution in the state dictionary.
    sources
        Layers (positions in the wiring, or ``IMAGE``) whose channels it reads, in the order in
        which they are concatenated.
    kernel
        Numbers of a kernel for one input and one output channel.
    bias, transposed
        Whether it has a bias, and whether it is an up-convolution, whose weights lie by input
        channel first.
    norms
        Names of the batch normalisations behind it.
    seen
        Name of the module whose output is what the layers behind see.
    """

    name: str
    sources: tuple[int, ...]
    kernel: int
    bias: bool
    transposed: bool
    norms: tuple[str, ...]
    seen: str


@dataclass(frozen=True)
class Wiring:
    """All convolutions of a network: ``layers``, which can lose channels, then ``heads``.

    ``image`` and ``classes`` are the channels of the image and of a head. ``widths`` are always
    those of ``layers``, in the order of the argument ``widths`` (``networks.widths``).
    """

    layers: tuple[Layer, ...]
    heads: tuple[Layer, ...]
    image: int
    classes: int

    def inputs(self, layer: Layer, widths: Sequence[int]) -> int:
        """Channels that a layer reads."""
        return sum(self.image if s == IMAGE else widths[s] for s in layer.sources)

    def parameters(self, widths: Sequence[int]) -> int:
        """Weights, biases, and scales and shifts of the normalisations."""
        total = 0
        outputs = [*widths, *[self.classes] * len(self.heads)]
        for layer, out in zip((*self.layers, *self.heads), outputs, strict=True):
            total += out * (self.inputs(layer, widths) * layer.kernel + layer.bias)
            total += out * 2 * len(layer.norms)
        return total

    def least(self) -> int:
        """Parameters when every layer has one channel left."""
        return self.parameters([1] * len(self.layers))

    def cuts(
        self, kept: Sequence[Indices], widths: Sequence[int]
    ) -> Mapping[str, tuple[Indices | None, Indices | None]]:
        """What stays of each tensor, by its name: indices along its first and second axis.

        ``kept``: channels of each layer that stay, of ``widths`` that there are. None = all stays
        along that axis. Tensors that are not named stay as they are.
        """
        cuts: dict[str, tuple[Indices | None, Indices | None]] = {}
        for number, layer in enumerate((*self.layers, *self.heads)):
            out = kept[number] if number < len(kept) else None
            into = self._read(layer, kept, widths)
            weight = (into, out) if layer.transposed else (out, into)
            cuts[f"{layer.name}.weight"] = weight
            cuts[f"{layer.name}.bias"] = (out, None)
            for norm in layer.norms:
                for tensor in ("weight", "bias", "running_mean", "running_var"):
                    cuts[f"{norm}.{tensor}"] = (out, None)
        return cuts

    def _read(self, layer: Layer, kept: Sequence[Indices], widths: Sequence[int]) -> Indices:
        parts: list[Indices] = []
        offset = 0
        for source in layer.sources:
            parts.append((np.arange(self.image) if source == IMAGE else kept[source]) + offset)
            offset += self.image if source == IMAGE else widths[source]
        return np.concatenate(parts)
