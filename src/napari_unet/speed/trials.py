"""Which ways there are on a device, how far their results are from float32, which is fastest."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.prediction.device import (
    PRECISIONS,
    autocast,
    choose_precision,
    cpu_has_bf16,
    memory_format,
)
from napari_unet.prediction.folding import fold, foldable
from napari_unet.prediction.graphs import Graphed
from napari_unet.prediction.packing import can_pack, pack
from napari_unet.prediction.way import Way, default_way
from napari_unet.speed.race import Patience, race, winner

log = logging.getLogger(__name__)

MEAN_DIFFERENCE = 2e-3
"""Greatest mean difference of a probability from float32."""
CHANGED = 2e-3
"""Greatest part of the pixels whose class is another than in float32."""
SAME_DIRECTION = 0.98
"""Least cosine between a gradient and that of float32. The noise of batches is far greater."""
SCALES = (2.0**16, 2.0**12, 2.0**8, 2.0**4)
"""Of the loss in fp16, tried until the gradient is finite. A training begins with the first, too,
and where that is too large it halves it and changes no weight until it fits."""


@dataclass(frozen=True)
class Choice:
    """The fastest way, and what was measured of each: milliseconds and distance from float32."""

    way: Way
    measured: dict[str, Any]

    def allowed(self, way: Way) -> bool:
        """Whether ``way`` was not out for changing what the weights say."""
        return bool(self.measured.get(str(way), {"allowed": True})["allowed"])


def precisions(device: torch.device) -> list[str]:
    """Those that the device computes in, without those that it only imitates."""
    found = []
    for name in PRECISIONS:
        try:
            found.append(choose_precision(name, device))
        except UserError:
            continue
    if device.type == "cpu" and not cpu_has_bf16():
        found.remove("bf16")
    return found


def distance(probability: Tensor, reference: Tensor) -> tuple[float, float]:
    """Mean absolute difference of (B, class, *spatial), and the part of pixels of another class."""
    mean = float((probability - reference).abs().mean())
    return mean, float((probability.argmax(1) != reference.argmax(1)).float().mean())


def near(mean: float, changed: float) -> bool:
    """Whether results that far from float32 may stand for them; not-a-number is not near."""
    return mean <= MEAN_DIFFERENCE and changed <= CHANGED


def try_prediction(
    network: nn.Module, images: Tensor, device: torch.device, patience: Patience
) -> Generator[None, None, Choice | None]:
    """Race all ways to predict; yields after each timing.

    ``network`` holds the weights that results are judged with, and stays as it is; ``images`` (B,
    C, *spatial), normalised, of a size that fits it: the first is timed, all are compared. None
    when ``patience`` was too short.
    """
    dims = images.dim() - 2
    images = images.to(device)
    network = copy.deepcopy(network).to(device).eval()
    usual = default_way(device, dims=dims, training=False)
    gpu = device.type != "cpu"
    ways = [
        Way(precision, channels_last, folded)
        for precision in precisions(device)
        for channels_last in (True, False)
        # On processors, channels first was never near: two ways less to wait for.
        for folded in ((False, True) if foldable(network) and (channels_last or gpu) else (False,))
    ]
    if device.type == "cuda":
        ways += [replace(way, graphs=True) for way in ways if way.channels_last]
    if not gpu and can_pack():
        folded = bool(foldable(network))
        ways += [Way(precision, folded=folded, packed=True) for precision in precisions(device)]
    networks: dict[tuple[bool, bool], nn.Module] = {}

    def runner(way: Way) -> Callable[[Tensor], Tensor]:
        kind = (way.channels_last, way.folded)
        if kind not in networks:
            own = fold(network) if way.folded else copy.deepcopy(network)
            networks[kind] = own.to(memory_format=way.layout(dims))  # type: ignore[call-overload]
        run = Graphed(networks[kind], way.precision) if way.graphs else networks[kind]
        if way.packed:
            run = pack(run, way.precision)

        @torch.inference_mode()
        def predict(x: Tensor) -> Tensor:
            with autocast(device, way.precision):
                logits: Tensor = run(x.contiguous(memory_format=way.layout(dims)))
            return torch.softmax(logits.float(), 1)

        return predict

    # Float32 first: the others are compared with it, image by image, so that no piece is long.
    reference: list[Tensor] = []
    runners: dict[Way, Callable[[], object]] = {}
    apart: dict[Way, tuple[float, float]] = {}
    for way in [Way("float32"), *(way for way in ways if way != Way("float32"))]:
        found: list[Tensor] = []
        try:
            predict = patience.spend(partial(runner, way))
            for image in torch.split(images, 1):
                found.append(patience.spend(partial(predict, image)))
                yield
                if patience.over:
                    return None
        except (RuntimeError, MemoryError) as error:
            if not reference:
                raise
            log.warning("%s is out: %s", way, error)
            continue
        reference = reference or found
        apart[way] = distance(torch.cat(found), torch.cat(reference))
        if near(*apart[way]):
            runners[way] = partial(predict, images[:1])
    if usual not in runners:
        usual = Way("float32")
    return (yield from _decide(runners, apart, usual, device, patience))


def try_training(
    network: nn.Module, images: Tensor, classes: Tensor, device: torch.device, patience: Patience
) -> Generator[None, None, Choice | None]:
    """Race all ways to make a step; yields after each timing.

    ``network`` stays as it is; ``images`` (B, C, *input) and ``classes`` int64 (B, *output). Ways
    whose first gradient is not finite (in fp16: at none of SCALES) or points elsewhere than that of
    float32 are out. None when ``patience`` was too short.
    """
    dims = images.dim() - 2
    images, classes = images.to(device), classes.to(device)
    usual = default_way(device, dims=dims, training=True)
    allowed = [usual.precision] if dims == 3 and device.type == "cpu" else precisions(device)
    ways = [
        Way(precision, channels_last, fused=fused)
        for precision in allowed
        for channels_last in (True, False)
        # On the CPU the optimiser takes a hundredth of the step, less than can be told apart.
        for fused in ((False, True) if device.type == "cuda" else (False,))
    ]
    runners: dict[Way, Callable[[], object]] = {}
    apart: dict[Way, tuple[float, float]] = {}
    expected: Tensor | None = None
    # Float32 first: the others are compared with it.
    for way in sorted(ways, key=lambda way: way.precision != "float32"):
        own = copy.deepcopy(network).to(device=device, memory_format=way.layout(dims)).train()  # type: ignore[call-overload]
        try:
            for scale in SCALES if way.precision == "fp16" else SCALES[:1]:
                step = _step(own, way, images, classes, device, scale)
                patience.spend(step)
                gradient = _gradient(own)
                if patience.over or bool(gradient.isfinite().all()):
                    break
                yield
        except (RuntimeError, MemoryError) as error:
            if expected is None:
                raise
            log.warning("%s is out: %s", way, error)
            continue
        expected = gradient if expected is None else expected
        apart[way] = (1 - float(torch.cosine_similarity(gradient, expected, 0)), 0.0)
        if bool(gradient.isfinite().all()) and apart[way][0] <= 1 - SAME_DIRECTION:
            runners[way] = step
        yield
        if patience.over:
            return None
    if usual not in runners:
        usual = Way("float32")
    return (yield from _decide(runners, apart, usual, device, patience))


def _gradient(network: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def _step(
    network: nn.Module,
    way: Way,
    images: Tensor,
    classes: Tensor,
    device: torch.device,
    scale: float,
) -> Callable[[], object]:
    parameters = list(network.parameters())
    # Only where there is a choice: elsewhere it costs little, and the same for all.
    cuda = device.type == "cuda"
    optimiser = torch.optim.AdamW(parameters, 1e-4, fused=way.fused) if cuda else None
    scaler = torch.amp.GradScaler(device.type, scale, enabled=way.precision == "fp16")
    layout = memory_format(images.dim() - 2) if way.channels_last else torch.contiguous_format

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        with autocast(device, way.precision):
            logits = network(images.contiguous(memory_format=layout))
        loss = nn.functional.cross_entropy(logits.float(), classes)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if optimiser is not None:
            scaler.step(optimiser)
            scaler.update()

    return step


def _decide(
    runners: dict[Way, Callable[[], object]],
    apart: dict[Way, tuple[float, float]],
    usual: Way,
    device: torch.device,
    patience: Patience,
) -> Generator[None, None, Choice | None]:
    times = yield from race(runners, device, patience)
    # The usual one may have failed while it was timed; with too few timings it stays the usual one.
    way = winner(times, usual if usual in times else Way("float32"))
    if way is None:
        return None
    measured = {
        str(one): {
            "milliseconds": None if (least := times.get(one)) is None else round(1000 * least, 2),
            "difference": float(f"{mean:.2g}"),
            "changed": float(f"{changed:.2g}"),
            "allowed": one in runners,
        }
        for one, (mean, changed) in apart.items()
    }
    return Choice(way, measured)
