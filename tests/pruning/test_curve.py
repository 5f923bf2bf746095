"""Targets and the table."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.pruning.curve import Point, geometric, parse_share, percent_for, table


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), (" 0.25 ", 0.25), ("2.5%", 0.025)])
def test_shares_as_people_write_them(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0%", "100%", "10", "ten", "10%%", "nan", "-5%", ""])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(UserError, match=r"write it as 10% or 0\.1"):
        parse_share(text)


@pytest.mark.parametrize(
    ("least", "parameters", "text"),
    [(142, 7300, "2%"), (142, 7482, "1.9%"), (30, 1_942_306, "0.0016%"), (999, 1000, "100%")],
)
def test_the_least_share_is_rounded_up(least: int, parameters: int, text: str) -> None:
    assert percent_for(least, parameters) == text


@given(st.integers(2, 10**8), st.data())
def test_the_share_that_is_told_as_enough_is_enough(parameters: int, data: st.DataObject) -> None:
    least = data.draw(st.integers(1, max(1, parameters // 2)))
    text = percent_for(least, parameters)
    assert math.floor(parse_share(text) * parameters + 1e-9) >= least


def test_each_round_leaves_the_same_part() -> None:
    assert geometric(1000, 10, 2) == [100, 10]
    assert geometric(1000, 10, 1) == [10]


def test_the_table() -> None:
    points = [
        Point(0, 2000, 30, (10, 20), (0.9, 0.5, 0.7), 0, 0.0),
        Point(1, 1000, 20, (10, 10), (0.9, None, None), 5, 1.0),
    ]
    assert points[0].mean_dice == pytest.approx(0.6)
    assert points[1].as_json()["mean_dice"] is None
    head, first, second = table(points).splitlines()
    assert head.split() == ["round", "parameters", "of", "all", "channels", "Dice", "steps"]
    assert first.split() == ["0", "2,000", "100.0%", "30", "0.6000", "0"]
    assert second.split() == ["1", "1,000", "50.0%", "20", "-", "5"]
