"""Rows, tests, verdicts and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from napari_unet.comparison.markdown import markdown
from napari_unet.comparison.records import RunResult, Settings
from napari_unet.comparison.summary import fold_differences, summarise
from napari_unet.comparison.words import detectable, effect, headline, p_value, sentence

Make = Callable[..., Any]
BASE = [0.50, 0.55, 0.60, 0.52, 0.58, 0.61]
NOISE = [0.001, -0.002, 0.002, -0.001, 0.003, 0.0]


def shifted(by: float) -> list[float]:
    return [v + by + n for v, n in zip(BASE, NOISE, strict=True)]


@pytest.fixture
def results(runs: Make) -> list[RunResult]:
    return [
        *runs("unet", BASE),
        *runs("good", shifted(0.05)),
        *runs("same", shifted(0.0)),
        *runs("bad", shifted(-0.05)),
    ]


def test_tests_are_those_of_scipy(settings: Make, results: list[RunResult]) -> None:
    found = summarise(settings(), results, ["unet", "good", "same", "bad"], "iou")
    assert [r.network for r in found.rows][:1] == ["good"]
    assert found.rows[-1].network == "bad"
    raw = []
    for name, by in (("good", 0.05), ("same", 0.0), ("bad", -0.05)):
        versus = found.row(name).test.versus
        assert versus is not None
        expected = stats.ttest_rel(shifted(by), BASE)
        assert versus.test.t == pytest.approx(expected.statistic)
        assert versus.test.p == pytest.approx(expected.pvalue)
        raw.append(versus.test.p)
    order = np.argsort(raw)
    holm = np.minimum(np.maximum.accumulate(np.array(raw)[order] * [3, 2, 1]), 1)
    for place, name in enumerate(np.array(["good", "same", "bad"])[order]):
        versus = found.row(str(name)).test.versus
        assert versus is not None
        assert versus.p == pytest.approx(holm[place])
    verdicts = {r.network: r.test.versus.verdict for r in found.rows if r.test.versus}
    assert verdicts == {"good": "better", "same": "none", "bad": "worse"}


def test_in_words(settings: Make, results: list[RunResult]) -> None:
    found = summarise(settings(), results, ["unet", "good", "same", "bad"], "iou")
    text = headline(found)
    assert "1 is significantly better (good) and 1 is significantly worse (bad)" in text
    assert "for 1 no difference could be shown" in text
    assert "no reason" not in text
    line = sentence(found.row("same"), found)
    assert "same shows no significant difference to unet" in line
    assert "n = 6 images" in line
    assert "in 1 of 2 folds" in line or "in 2 of 2 folds" in line
    assert "above unet in 0 of 2 folds" in sentence(found.row("bad"), found)
    without = summarise(settings(), results, ["unet", "same", "bad"], "iou")
    assert "no reason to prefer another network" in headline(without)


def test_lower_is_better_for_errors(settings: Make, results: list[RunResult]) -> None:
    found = summarise(settings(), results, ["unet", "good", "bad"], "pixel_error")
    assert [r.network for r in found.rows] == ["good", "unet", "bad"]
    versus = found.row("good").test.versus
    assert versus is not None
    assert versus.verdict == "better"
    assert versus.test.difference < 0
    assert found.scale is None


def test_what_failed_is_not_tested(settings: Make, runs: Make) -> None:
    failed = RunResult(network="large", fold=2, arguments={}, failed="Memory ran out.")
    results = [*runs("unet", BASE), runs("large", BASE)[0], failed, *runs("half", BASE)[:1]]
    found = summarise(settings(), results, ["unet", "large", "half"], "iou")
    assert "fold 2: Memory ran out." in found.row("large").failed
    assert found.row("large").test.versus is None
    assert "Memory ran out" in sentence(found.row("large"), found)
    assert "not all of its folds" in found.row("half").failed
    assert "could be tested" in headline(found)


def test_images_without_a_value_are_left_out(settings: Make, runs: Make) -> None:
    results = [*runs("unet", [None, *BASE[1:]]), *runs("other", shifted(0.05))]
    versus = summarise(settings(), results, ["unet", "other"], "iou").row("other").test.versus
    assert versus is not None
    assert versus.test.n == 5
    nothing = [*runs("unet", [None] * 6), *runs("other", [None] * 6)]
    found = summarise(settings(), nothing, ["unet", "other"], "iou")
    assert found.row("other").test.versus is not None
    assert "fewer than two images" in sentence(found.row("other"), found)


def test_equal_differences_of_a_few_images_prove_nothing(settings: Make, runs: Make) -> None:
    better = [v if v is None else v + 0.25 for v in (0.5, 0.25, *[None] * 4)]
    results = [*runs("unet", [0.5, 0.25, *[None] * 4]), *runs("lunet", better)]
    row = summarise(settings(), results, ["unet", "lunet"], "iou").row("lunet")
    assert row.test.versus is not None
    assert row.test.versus.verdict == "untested"
    found = summarise(settings(), results, ["unet", "lunet"], "iou")
    assert "all 2 images differ from unet by the same" in sentence(row, found)


def test_all_networks_are_averaged_over_the_same_images(settings: Make, runs: Make) -> None:
    """One says rightly that nothing is there, which has no IoU; the other invents a pixel."""
    empty = [0.9, None, *BASE[2:]]
    results = [*runs("unet", [0.9, 0.0, *BASE[2:]]), *runs("lunet", empty)]
    found = summarise(settings(), results, ["unet", "lunet"], "iou")
    unet, other = (found.row(name) for name in ("unet", "lunet"))
    assert unet.test.mean == other.test.mean == pytest.approx(np.mean([0.9, *BASE[2:]]))
    assert unet.test.interval == other.test.interval
    assert other.test.versus is not None
    assert other.test.versus.test.difference == 0
    assert fold_differences(other, unet, "iou") == [0, 0]
    assert len(found.left_out) == 1
    assert "count for no network" in markdown(found, [])
    # No image that both have a value for: nothing to compare, and that is said.
    apart = [*runs("unet", [0.5, None, *[None] * 4]), *runs("lunet", [None, 0.5, *[None] * 4])]
    nothing = summarise(settings(), apart, ["unet", "lunet"], "iou")
    assert np.isnan(nothing.row("unet").test.mean)
    assert nothing.left_out == [f"image{n}" for n in range(6)]
    # One that never has a value takes none from the others.
    silent = [*results, *runs("segnet", [None] * 6)]
    with_silent = summarise(settings(), silent, ["unet", "lunet", "segnet"], "iou")
    assert with_silent.row("unet").test.mean == unet.test.mean
    assert np.isnan(with_silent.row("segnet").test.mean)


def test_zero_shot_is_the_mean_over_folds(settings: Callable[..., Settings], runs: Make) -> None:
    own = settings(transfer={"other0": "x", "other1": "y"})
    results = [
        *runs("unet", BASE, carried=[0.4, 0.6]),
        *runs("other", BASE, carried=[0.2, 0.8]),
    ]
    found = summarise(own, results, ["unet", "other"], "iou")
    column = found.row("other").transfer
    assert column is not None
    assert column.values == {"other0": 0.2, "other1": 0.8}
    assert column.versus is not None
    assert column.versus.test.difference == pytest.approx(0)
    assert "Of 1 network tested against unet on 2 images" in headline(found, transfer=True)


def test_folds_are_compared_one_by_one(settings: Make, results: list[RunResult]) -> None:
    found = summarise(settings(), results, ["unet", "good"], "iou")
    apart = fold_differences(found.row("good"), found.row("unet"), "iou")
    assert apart == pytest.approx([0.05 + np.mean(NOISE[:3]), 0.05 + np.mean(NOISE[3:])])


def test_relative_u_score_needs_eight(settings: Make, runs: Make) -> None:
    names = ["unet", *(f"n{i}" for i in range(7))]
    results = [
        run
        for i, name in enumerate(names)
        for run in runs(name, shifted(i / 100), parameters=1000 * (i + 1), frames_per_second=20 - i)
    ]
    found = summarise(settings(), results, names, "iou")
    assert found.scale is not None
    assert all(r.u_score is not None and 5 <= r.u_score <= 100 for r in found.rows)
    assert summarise(settings(), results, names[:7], "iou").scale is None


def test_small_words() -> None:
    assert p_value(0.0001) == "< 0.001"
    assert p_value(0.04) == "0.040"
    assert effect(-0.9) == "-0.90 (large)"
    assert effect(0.1) == "+0.10 (negligible)"
    assert effect(float("inf")) == "no spread"
    # n of a paired t-test with d = 0.5, two-sided 0.05, power 0.8 is 33.4 (normal: 31.4).
    assert detectable(31) == pytest.approx(0.5, abs=0.01)
