"""What a trial does in its process: ``python -m napari_unet.advice.dry_run CANDIDATE``."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from napari_unet.advice.trial import Candidate, Measured
from napari_unet.core.training import make_trainer
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.prediction.device import choose_device
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Failed, Progress

STEPS = 3
LARGEST = 1024
"""Sides of the image that is really predicted; larger ones are extrapolated by their area."""


def dry_run(candidate: Candidate) -> Measured:
    """Train ``STEPS`` steps on noise and predict it; :class:`UserError` where it cannot be done."""
    device = choose_device(candidate.device)
    sides = tuple(min(n, LARGEST) for n in candidate.size)
    image = _noise(candidate, sides)
    trainer = make_trainer(
        [image],
        network=candidate.network,
        arguments=candidate.arguments,
        settings={"tile": candidate.tile, "batch": candidate.batch, "sigma": candidate.sigma},
        classes=candidate.classes,
        start="random",
        validation="none",
        device=candidate.device,
        precision=candidate.precision,
    )
    clock, durations = time.perf_counter(), []
    for event in trainer.run(steps=STEPS):
        if isinstance(event, Failed):
            raise UserError(event.message)
        if isinstance(event, Progress):
            durations.append(time.perf_counter() - clock)
            clock = time.perf_counter()
    if trainer.batch != candidate.batch:
        raise UserError(f"Memory ran out with {candidate.batch} tiles a step.")
    plane = trainer.data.normalisation.apply(image.image.read(()))
    predictor = trainer.predictor()
    predictor.probability(plane)
    clock = time.perf_counter()
    predictor.probability(plane)
    seconds = time.perf_counter() - clock
    return Measured(
        parameters=sum(p.numel() for p in predictor.network.parameters()),
        step_seconds=min(durations[1:]),
        image_seconds=seconds * (candidate.size[0] * candidate.size[1]) / (sides[0] * sides[1]),
        memory=_peak_memory(device),
        device=device.type,
        precision=trainer.precision,
    )


def _noise(candidate: Candidate, sides: tuple[int, ...]) -> LabelledImage:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (*sides, candidate.channels), np.uint8)
    labels = (np.indices(sides).sum(0) // 8 % candidate.classes).astype(np.uint8)
    return LabelledImage(
        Image("noise", pixels, "yxc"), Image("noise", labels, "yx"), "classes", complete=True
    )


def _peak_memory(device: torch.device) -> int:
    """Bytes: of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def main() -> None:
    """Print what was measured as a line of JSON, or the fault on stderr."""
    try:
        print(dry_run(Candidate.model_validate_json(sys.argv[1])).model_dump_json())
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
