"""Intervals and tests against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from napari_unet.errors import UserError
from napari_unet.evaluation.statistics import (
    PairedTest,
    bootstrap_interval,
    holm,
    paired_t_test,
)


def test_interval_equals_scipy() -> None:
    values = np.random.default_rng(1).random(9)
    ours = bootstrap_interval(values, 0.9, resamples=500, seed=3)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=0.9,
        n_resamples=500,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_interval_of_all_resamples() -> None:
    values = [0.0, 1.0, 1.0]
    # Of 27 equally likely resamples 1 has the mean 0 and 8 have the mean 1.
    assert bootstrap_interval(values, 0.9, resamples=4000) == (pytest.approx(1 / 3), 1)
    assert bootstrap_interval(values, 0.95, resamples=4000) == (0, 1)


def test_interval_is_repeatable_and_leaves_out_nan() -> None:
    values = np.random.default_rng(0).random(30)
    first = bootstrap_interval(values)
    assert first == bootstrap_interval([*values, np.nan])
    assert first.low < values.mean() < first.high
    assert first != bootstrap_interval(values, seed=1)
    assert bootstrap_interval([0.5] * 4) == (0.5, 0.5)
    for few in ([], [0.3], [0.3, np.nan]):
        assert np.isnan(bootstrap_interval(few)).all()


def test_many_images_are_drawn_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(50)
    whole = bootstrap_interval(values, resamples=400)
    monkeypatch.setattr("napari_unet.evaluation.statistics._AT_ONCE", 1000)
    assert bootstrap_interval(values, resamples=400) == pytest.approx(whole, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_t_test_equals_scipy(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, n))
    ours, theirs = paired_t_test(a.tolist(), b.tolist()), stats.ttest_rel(a, b)
    assert (ours.t, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert ours.difference == pytest.approx((a - b).mean(), abs=1e-12)
    assert ours.effect == pytest.approx(np.mean(a - b) / np.std(a - b, ddof=1), rel=1e-9)
    other = paired_t_test(b.tolist(), a.tolist())
    assert (other.t, other.p, other.effect) == pytest.approx((-ours.t, ours.p, -ours.effect))


def test_t_test_of_special_cases() -> None:
    assert paired_t_test([0.1, 0.7], [0.1, 0.7]) == PairedTest(2, 0, 0, 1, 0)
    shifted = paired_t_test([0.3, 0.9, 0.5], [0.2, 0.8, 0.4])
    assert np.isnan(shifted.p)
    assert shifted.t == np.inf
    one = paired_t_test([0.3, None, np.nan], [0.1, 0.2, 0.3])
    assert one.n == 1
    assert one.difference == pytest.approx(0.2)
    assert np.isnan(one.p)
    assert paired_t_test([], []).n == 0
    with pytest.raises(UserError, match="same images"):
        paired_t_test([1], [])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=7))
def test_holm_by_its_definition(p_values: list[float]) -> None:
    """Rejected at a level = its p and all smaller ones pass their steps."""
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.3):
        rejected: set[int] = set()
        order = sorted(range(len(p_values)), key=lambda i: p_values[i])
        for k, i in enumerate(order):
            if p_values[i] * (len(order) - k) > level:
                break
            rejected.add(i)
        assert {i for i, p in enumerate(adjusted) if p <= level} == rejected
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    with_gap = holm([0.02, np.nan, 0.9])
    assert with_gap[0] == pytest.approx(0.04)
    assert np.isnan(with_gap[1])
    assert holm([]) == []
