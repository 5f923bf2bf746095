"""Sizes of shapes that are known."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

from napari_unet.measurements.table import Scale, Table, measure, to_csv

MICRONS = Scale((0.5, 0.5), (10.0, 20.0), "µm")


def shapes() -> np.ndarray:
    y, x = np.mgrid[:100, :120]
    ids = np.zeros((100, 120), np.int32)
    ids[10:20, 10:50] = 3
    ids[np.hypot(y - 60, x - 60) < 20] = 9
    return ids


def cell(table: Table, row: int, key: str) -> float:
    return table.rows[row].values[[c.key for c in table.columns].index(key)]


def test_sizes_in_micrometres() -> None:
    table = measure([((), shapes(), None)], MICRONS)
    assert [row.label for row in table.rows] == [3, 9]
    assert cell(table, 0, "pixels") == 400
    assert cell(table, 0, "area") == pytest.approx(100)
    assert cell(table, 0, "centre_y") == pytest.approx(10 + 14.5 / 2)
    assert cell(table, 0, "centre_x") == pytest.approx(20 + 29.5 / 2)
    assert table.rows[0].centre == pytest.approx((14.5, 29.5))
    assert table.rows[0].sides == (10, 40)
    assert abs(cell(table, 0, "orientation")) == pytest.approx(90)
    assert cell(table, 0, "solidity") == pytest.approx(1)
    # The disc of radius 20 pixels = 10 micrometres.
    assert cell(table, 1, "area") == pytest.approx(math.pi * 100, rel=0.01)
    assert cell(table, 1, "diameter") == pytest.approx(20, rel=0.01)
    assert cell(table, 1, "perimeter") == pytest.approx(20 * math.pi, rel=0.02)
    assert cell(table, 1, "circularity") == pytest.approx(1, rel=0.05)
    assert cell(table, 1, "eccentricity") == pytest.approx(0, abs=0.05)


def test_brightness_and_stacks() -> None:
    image = shapes().astype(float) * 2
    frames = [((1,), shapes(), image), ((0,), shapes(), image)]
    table = measure(frames, MICRONS, ["t"])
    assert [row.index for row in table.rows] == [(0,), (0,), (1,), (1,)]
    assert [cell(table, 2, key) for key in ("label", "t")] == [3, 1]
    assert cell(table, 1, "intensity_mean") == cell(table, 1, "intensity_max") == 18
    assert cell(table, 1, "intensity_sd") == 0
    assert table.rows[2].centre == pytest.approx((1, 14.5, 29.5))


def test_pixels_that_are_not_square_have_no_outline() -> None:
    table = measure([((), shapes(), None)], Scale((1.0, 0.5), (0.0, 0.0), "µm"))
    assert "perimeter" not in [c.key for c in table.columns]
    assert cell(table, 0, "area") == pytest.approx(200)


def test_volumes() -> None:
    z, y, x = np.mgrid[:10, :40, :40]
    ball = ((2 * (z - 5)) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 64).astype(int)
    table = measure([((), ball, None)], Scale((2.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
    assert table.headings()[2] == "volume (px³)"
    assert cell(table, 0, "volume") == 2 * ball.sum()
    assert cell(table, 0, "diameter") == pytest.approx(16, rel=0.03)
    assert cell(table, 0, "centre_z") == pytest.approx(10)


def test_specks_and_lines_have_no_nan() -> None:
    ids = np.zeros((20, 20), int)
    ids[2, 2] = 1
    ids[5, 2:9] = 2
    table = measure([((), ids, None)], MICRONS)
    assert len(table.rows) == 2
    assert not any(isinstance(v, float) and math.isnan(v) for r in table.rows for v in r.values)
    assert measure([((), ids * 0, None)], MICRONS).rows == ()


def test_csv_reads_back() -> None:
    table = measure([((), shapes(), None)], MICRONS)
    head, *lines = csv.reader(io.StringIO(to_csv(table)))
    assert head[:4] == ["label", "pixels", "area_um2", "diameter_um"]
    assert "".join(head).isascii()
    assert float(lines[1][2]) == cell(table, 1, "area")
    assert table.headings()[2] == "area (µm²)"
