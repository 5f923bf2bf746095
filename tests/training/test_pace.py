"""The pace of the latest steps, and what is kept free at the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.training.pace import LATEST, Pace

SECONDS = st.floats(1e-4, 100, allow_nan=False)


def test_the_fastest_of_the_latest_steps_tells() -> None:
    pace = Pace()
    assert pace.step == 0
    for seconds in (5.0, 0.2, 0.3):
        pace.took(seconds)
    assert pace.step == 0.2
    assert pace.steps_per_second == pytest.approx(3 / 5.5)


def test_old_steps_are_forgotten() -> None:
    pace = Pace()
    pace.took(0.01)
    for _ in range(LATEST):
        pace.took(0.5)
    assert pace.step == 0.5
    pace.begin_anew()
    assert pace.step == 0


@given(
    steps=st.lists(SECONDS, max_size=30),
    budget=SECONDS,
    batches=st.integers(0, 100),
    score=SECONDS,
)
def test_more_than_half_of_the_budget_is_for_learning(
    steps: list[float], budget: float, batches: int, score: float
) -> None:
    pace = Pace()
    for seconds in steps:
        pace.took(seconds)
    kept = pace.kept_free(budget, batches, score)
    assert 0 <= kept <= 0.45 * budget + 1e-9
    assert kept <= score + batches / 3 * pace.step + 1e-9
