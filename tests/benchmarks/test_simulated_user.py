"""The robot of benchmarks/simulated_user.py, on images of a few pixels."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[2]
OURS = ("common", "pools", "strokes", "simulated_user", "simulated_user_report")
Import = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    """Imports a script of benchmarks, and forgets it afterwards."""
    import importlib

    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    yield importlib.import_module
    for name in OURS:
        sys.modules.pop(name, None)


def disc(side: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc in noise and its class map."""
    y, x = np.indices((side, side)) - side / 2
    truth = (np.hypot(y, x) < side / 4).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 10, truth.shape)
    return np.clip(100 * truth + 60 + noise, 0, 255).astype(np.uint8), truth


class TestStroke:
    def test_stays_in_its_class_and_is_as_long_and_wide_as_a_hand_paints(self, script: Import):
        strokes = script("strokes")
        _, truth = disc()
        for seed in range(5):
            area = truth == seed % 2
            mask = strokes.stroke(area, area, area, np.random.default_rng(seed))
            assert mask.any()
            assert not (mask & ~area).any()
            assert mask.sum() <= 3 * (strokes.LONGEST + 2) * 2**0.5
            assert ndimage.label(mask, np.ones((3, 3)))[1] == 1

    def test_paints_what_is_thinner_than_the_brush(self, script: Import):
        area = np.zeros((40, 40), bool)
        area[20, 5:35] = True
        mask = script("strokes").stroke(area, area, area, np.random.default_rng(0))
        assert mask.sum() > 5
        assert not (mask & ~area).any()

    def test_the_largest_error_in_the_box_is_found(self, script: Import):
        strokes = script("strokes")
        truth = np.zeros((40, 40), np.uint8)
        truth[:, 20:] = 1
        predicted = truth.copy()
        predicted[2:6, 2:6] = 1
        predicted[30:36, 30:36] = 0
        wrong = strokes.wrong_pixels(predicted, truth, np.zeros_like(truth))
        piece, value = strokes.largest_error(wrong, truth, ((0, 40), (0, 40)))
        assert (int(piece.sum()), value) == (36, 1)
        piece, value = strokes.largest_error(wrong, truth, ((0, 20), (0, 20)))
        assert (int(piece.sum()), value) == (16, 0)
        assert strokes.largest_error(wrong, truth, ((10, 20), (0, 40))) is None

    def test_what_is_painted_or_not_known_is_not_wrong(self, script: Import):
        truth = np.array([[0, 1, 255, 1]], np.uint8)
        painted = np.array([[0, 2, 0, 0]], np.uint8)
        wrong = script("strokes").wrong_pixels(1 - truth.clip(0, 1), truth, painted)
        assert wrong.tolist() == [[True, False, False, True]]


@pytest.fixture
def tiny(script: Import, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the script on one disc as the pool and one as the test; the finished runs."""
    user = script("simulated_user")
    image, truth = disc()
    test = (image.copy(), truth.copy())
    truth[:4] = 255
    made = []

    def images_of(name: str) -> Any:
        made.append(name)
        return [(image, truth)], [test]

    monkeypatch.setattr(user, "images_of", images_of)

    def run(*options: str) -> tuple[list[dict[str, Any]], int]:
        made.clear()
        words = ["--sets", "dsb", "--seeds", "1", "--strokes", "6", "--steps-per-stroke", "1"]
        out = ["--out", str(tmp_path / "runs.jsonl")]
        monkeypatch.setattr(sys, "argv", ["simulated_user.py", *words, *out, *options])
        user.main()
        assert np.array_equal(test[1], disc()[1]), "the truth of the test image has changed"
        return user.read_results(tmp_path / "runs.jsonl"), len(made)

    return run


class TestRuns:
    def test_one_line_for_each_run_which_is_not_made_again(self, tiny: Any):
        runs, made = tiny("--policies", "full", "advice")
        assert [one["policy"] for one in runs] == ["full", "advice"]
        assert made == 2
        assert len(runs[0]["iou"]) == 1
        assert len(runs[1]["iou"]) == len(runs[1]["looked_at"]) == 3
        assert 0 < runs[1]["painted"] < 96 * 96 / 4
        more, made = tiny()
        assert made == 1
        assert more[:2] == runs
        assert more[2]["policy"] == "random"
        # Both begin with the same strokes, and a step is the same whenever it is made.
        assert more[2]["iou"][:2] == more[1]["iou"][:2]

    def test_the_robot_paints_the_truth_and_nothing_where_there_is_none(self, script: Import):
        user, pools = script("simulated_user"), script("pools")
        image, truth = disc()
        truth[:20] = 255
        pool = [(image, truth)]
        painted = pools.nothing_painted(pool)
        robot = user.Robot(pool, painted, 0)
        robot.begin()
        region = user.Suggestion((0,), ((16, 80), (16, 80)), 0, ())
        unknown = user.Suggestion((0,), ((0, 18), (0, 64)), 0, ())
        robot.correct([np.ones_like(truth)], [unknown, region])
        assert robot.looked_at == 1
        robot.correct([truth], [unknown])
        robot.correct([truth], [region])
        known = painted[0] > 0
        assert np.array_equal(painted[0][known], truth[known] + 1)
        assert not known[:20].any()


class TestReport:
    def test_reached_with_two_scores_in_a_row(self, script: Import):
        report = script("simulated_user_report")
        assert report.reached([0.1, 0.9, 0.1, 0.9, 0.8], 0.8) == 7
        assert report.reached([0.1, 0.2, 0.9], 0.8) == np.inf

    def test_table_and_picture(
        self, script: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        report = script("simulated_user_report")
        same = {"set": "isbi", "strokes": 6, "steps_per_stroke": 1, "preset": "live", "seed": 0}
        runs = [
            same | {"policy": "full", "iou": [[0.9, 0.7]]},
            same | {"policy": "advice", "iou": [[0.5, 0.5], [0.9, 0.7], [0.9, 0.7]]},
            same | {"policy": "random", "iou": [[0.5, 0.5], [0.9, None], [0.5, 0.5]]},
        ]
        results, page = tmp_path / "runs.jsonl", tmp_path / "page.md"
        results.write_text("\n".join(map(json.dumps, runs)))
        page.write_text(f"Before\n{report.BEGIN}\nold\n{report.END}\nAfter\n")
        picture = tmp_path / "images" / "curves.png"
        words = ["--results", str(results), "--page", str(page), "--picture", str(picture)]
        monkeypatch.setattr(sys, "argv", ["report.py", *words])
        report.main()
        text = page.read_text()
        assert picture.exists()
        assert "old" not in text
        assert "(images/curves.png)" in text
        assert "| ISBI 2012 | advice | 1 | 0.800 | 0.800 | 1 of 1 | 5 | 30 |" in text
        assert "| ISBI 2012 | random | 1 | 0.800 | 0.500 | 0 of 1 | not reached |" in text
        assert text.startswith("Before")
        assert text.endswith("After\n")
