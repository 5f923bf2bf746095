"""What a trial does in its process: ``python -m napari_unet.advice.dry_run CANDIDATE``."""

from __future__ import annotations

import sys

import psutil

from napari_unet.advice.trial import Candidate, Measured
from napari_unet.core.dry_run import measure, noise
from napari_unet.errors import UserError

STEPS = 2
LARGEST = 1024
"""Sides of the image that is really predicted; larger ones are extrapolated by their area."""


def dry_run(candidate: Candidate) -> Measured:
    """Train on noise and predict it; :class:`UserError` where it cannot be done."""
    before = psutil.Process().memory_info().rss
    *_, found = measure(
        [
            noise(
                tuple(min(n, LARGEST) for n in candidate.size),
                candidate.channels,
                candidate.classes,
            )
        ],
        steps=STEPS,
        side=LARGEST,
        network=candidate.network,
        arguments=candidate.arguments,
        settings={"tile": candidate.tile, "batch": candidate.batch, "sigma": candidate.sigma},
        classes=candidate.classes,
        start="random",
        device=candidate.device,
        precision=candidate.precision,
    )
    if found.batch != candidate.batch:
        raise UserError(f"Memory ran out with {candidate.batch} tiles a step.")
    own = found.device == "cpu"  # then Python and torch are a part of what is needed
    return Measured(
        parameters=found.parameters,
        step_seconds=found.seconds_per_step,
        image_seconds=found.megapixel * candidate.size[0] * candidate.size[1] / 1e6,
        memory=found.memory + before * own,
        device=found.device,
        precision=found.precision,
    )


def main() -> None:
    """Print what was measured as a line of JSON, or the fault on stderr."""
    try:
        print(dry_run(Candidate.model_validate_json(sys.argv[1])).model_dump_json())
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
