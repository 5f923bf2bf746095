"""How far a run is, and which learning rate and random numbers belong there."""

from __future__ import annotations

from napari_unet.errors import UserError
from napari_unet.training.presets import Preset

LAST_RATE = 0.02
"""The rate falls to this part of itself, not to nothing."""
SEEDS = range(-(2**63), 2**64)
"""What torch takes for one: 64 bits, with or without a sign."""


def part_done(
    step: int, steps: int | None, spent: float, budget: float | None, ending: float
) -> float:
    """Which part of a run is over, 0..1 and beyond; 0 for ever without a limit.

    ``spent``, ``budget`` and ``ending`` are seconds; the last is kept free before the budget ends.
    """
    by_steps = step / steps if steps else 0.0
    by_time = spent / max(budget - ending, 1e-3) if budget is not None else 0.0
    return max(by_steps, by_time)


def learning_rate(preset: Preset, step: int, done: float, *, limited: bool) -> float:
    """Rate of the step after ``step`` steps: a linear rise, a plateau, and, in a run with a limit,
    a linear fall from ``preset.hold`` to the end of the run.
    """
    rate = preset.learning_rate
    if preset.warm_up:
        rate *= min(1.0, (step + 1) / preset.warm_up)
    if limited and done > preset.hold:
        rate *= max(LAST_RATE, (1 - done) / (1 - preset.hold))
    return rate


def check_seed(seed: int) -> None:
    """:class:`UserError` for a seed that torch does not take."""
    if seed not in SEEDS:
        raise UserError(
            f"The seed {seed} does not fit into 64 bits: give a whole number from {SEEDS[0]} to "
            f"{SEEDS[-1]}."
        )


def seed_of_step(seed: int, step: int) -> int:
    """A seed of its own for every step, so that no random state has to be kept."""
    return (seed * 1_000_003 + step * 7_919 + 12_345) % (2**63 - 1)
