"""Targets and the table."""

from __future__ import annotations

import pytest

from napari_unet.errors import UserError
from napari_unet.pruning.curve import Point, geometric, parse_share, table


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), (" 0.25 ", 0.25), ("2.5%", 0.025)])
def test_shares_as_people_write_them(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0%", "100%", "10", "ten", "10%%", "nan", "-5%", ""])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(UserError, match=r"write it as 10% or 0\.1"):
        parse_share(text)


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
