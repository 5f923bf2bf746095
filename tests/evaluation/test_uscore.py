"""U-Score: the published example, and what must hold for any comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.evaluation.uscore import Cost, relative_scale, u_score, ubench_scale

UNET = Cost(iou=0.6557507, parameters=34.527041e6, macs=65.522368512e9, fps=137.05495)


def random_networks(seed: int, n: int = 9) -> list[Cost]:
    rng = np.random.default_rng(seed)
    return [
        Cost(float(a), float(10 ** (4 + 4 * b)), float(10 ** (8 + 3 * c)), float(1 + 100 * d))
        for a, b, c, d in rng.random((n, 4))
    ]


def test_published_example() -> None:
    assert u_score(UNET, ubench_scale("BUSI")) == pytest.approx(19.26, abs=0.005)


def test_limits() -> None:
    scale = ubench_scale("DSB2018")
    best, worst = Cost(1, 1, 1, 1e9), Cost(0, 1e12, 1e15, 1e-3)
    assert u_score(best, scale) == 100
    assert u_score(worst, scale) == pytest.approx(5)
    assert np.isnan(u_score(replace(best, iou=float("nan")), scale))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_relative_score_by_its_formula(seed: int) -> None:
    networks = random_networks(seed)
    scale = relative_scale(networks)

    def clipped(x: float) -> float:
        return min(max(x, 0.05), 1)

    for n in networks:
        a, s = (
            clipped((v - np.quantile(of, 0.1)) / (np.quantile(of, 0.9) - np.quantile(of, 0.1)))
            for v, of in ((n.iou, [m.iou for m in networks]), (n.fps, [m.fps for m in networks]))
        )
        p, g = (
            clipped(
                (np.log(np.quantile(of, 0.9)) - np.log(v))
                / (np.log(np.quantile(of, 0.9)) - np.log(np.quantile(of, 0.1)))
            )
            for v, of in (
                (n.parameters, [m.parameters for m in networks]),
                (n.macs, [m.macs for m in networks]),
            )
        )
        expected = 100 * 2 / (1 / a + 1 / (3 / (1 / p + 1 / g + 1 / s)))
        assert u_score(n, scale) == pytest.approx(expected, abs=1e-9)
        # Better in anything is never worse; units of size and speed do not matter.
        better = replace(n, iou=n.iou + 0.1, parameters=n.parameters / 2, fps=n.fps * 2)
        assert u_score(better, scale) >= u_score(n, scale)
    in_millions = [replace(n, parameters=n.parameters / 1e6, fps=n.fps * 7) for n in networks]
    other = relative_scale(in_millions)
    assert [u_score(n, other) for n in in_millions] == pytest.approx(
        [u_score(n, scale) for n in networks]
    )


def test_all_networks_equal() -> None:
    same = [UNET] * 8
    assert u_score(UNET, relative_scale(same)) == pytest.approx(50)
    assert u_score(replace(UNET, iou=0.9), relative_scale(same)) > 50


def test_wrong_input() -> None:
    with pytest.raises(UserError, match="8 networks"):
        relative_scale(random_networks(0, 7))
    with pytest.raises(UserError, match="positive"):
        u_score(replace(UNET, fps=0), ubench_scale("BUSI"))
    with pytest.raises(UserError, match="no data set 'mine'"):
        ubench_scale("mine")
