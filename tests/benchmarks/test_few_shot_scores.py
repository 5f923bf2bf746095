"""The few-shot benchmark scores what it should, on predictions made up here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _repository_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def cells(margin: int = 0) -> np.ndarray:
    """Two squares of 20 x 20 pixels, well inside the margin."""
    ids = np.zeros((64 + 2 * margin, 64 + 2 * margin), np.uint16)
    ids[margin + 4 : margin + 24, margin + 4 : margin + 24] = 1
    ids[margin + 34 : margin + 54, margin + 34 : margin + 54] = 2
    return ids


def test_an_object_of_which_most_lies_in_the_margin_is_not_invented() -> None:
    from benchmarks.few_shot.scoring import object_scores
    from benchmarks.few_shot.sets import Pair

    truth = cells(margin=50)
    found = truth.astype(np.int32)
    found[10:20, 100:120] = 3  # in the margin
    pairs = [Pair("one", truth, truth)]
    assert object_scores(pairs, [found], 50)["ap50"] == 1
    assert object_scores(pairs, [found], 0)["ap50"] == pytest.approx(2 / 3)
    found[90:100, 60:80] = 4  # inside
    scores = object_scores(pairs, [found], 50)
    assert scores["ap50"] == pytest.approx(2 / 3)
    assert scores["seg"] == 1  # invented objects cost nothing


@pytest.mark.parametrize("hole", [0, 6])
def test_the_rule_for_objects_is_that_of_the_training(hole: int, tmp_path: Path) -> None:
    from benchmarks.few_shot.sets import Objects, Task
    from imageio.v3 import imwrite
    from small_training import data_of

    from napari_unet.images.image import Image
    from napari_unet.training.data import LabelledImage

    ids = cells().astype(np.uint8)
    ids[10 : 10 + hole, 10 : 10 + hole] = 0
    imwrite(tmp_path / "one.png", ids)
    task = Task("", "", "objects", (), lambda _: [(tmp_path / "one.png",) * 2])
    data = data_of([LabelledImage(Image("i", ids, "yx"), Image("i", ids, "yx"), "objects", True)])
    median = data.median_object_size()
    assert task.objects == Objects(round(0.1 * median), data.split_depth(), data.largest_hole())
    assert task.objects.largest_hole == (18 if hole else round(median))


def test_membranes() -> None:
    from benchmarks.few_shot.scoring import membrane_scores
    from benchmarks.few_shot.sets import Pair

    truth = np.ones((40, 40), np.uint8)
    truth[:, 20] = 0
    sure = np.where(truth == 1, 0.9, 0.1).astype(np.float32)
    pairs = [Pair("one", truth, truth)]
    scores = membrane_scores(pairs, [sure])
    assert scores["membrane_iou"] == scores["cell_iou"] == 1
    assert scores["rand_error"] == pytest.approx(0, abs=1e-9)
    # All above one half: nothing is membrane at 0.5, everything is right at 0.8.
    faint = np.where(truth == 1, 0.95, 0.75).astype(np.float32)
    scores = membrane_scores(pairs, [faint])
    assert scores["membrane_iou"] == 0
    assert scores["rand_error"] > 0.3
    assert scores["rand_error_test_optimal"] == pytest.approx(0, abs=1e-9)
    assert scores["rand_threshold_test_optimal"] == pytest.approx(0.8)


def test_an_answer_becomes_a_table_and_a_plot() -> None:
    from benchmarks.few_shot import first, plot, results, table

    def line(method: str, budget: str, seconds: float, score: float, **more: object) -> dict:
        return {
            "set": "dsb-8",
            "part": "test",
            "method": method,
            "options": more.get("options", {}),
            "budget": budget,
            "seed": more.get("seed", 0),
            "threads": 2,
            "seconds": seconds,
            "steps": 3,
            "predict_seconds": 0.5,
            "model_seconds": 0.1,
            "scores": {"same": {"iou": score, "ap50": score / 2, "seg": score}},
            "versions": {"a": "1"},
            "machine": {
                "cpu": "some",
                "threads": 2,
                "cores": 2,
                "memory_gib": 8,
                "python": "3",
                "date": "2026-11-21T10:00:00+00:00",
                "load": 0.1,
            },
        }

    live = {"live": True}
    lines = [
        line("ours", "1", 1.0, 0.4, seed=seed, options=options) | {"seed": seed}
        for seed in (0, 1)
        for options in ({}, live)
    ]
    lines += [line("ours", "5", 5.0, 0.8, options=live), line("forest", "all", 8.0, 0.7)]
    text = table.markdown(lines)
    assert "| 1 s | napari-unet | 0.400 | 0.200 | (0.400) | 3 | 1.0 | 0.50 | 2 |" in text
    assert "its own time | random forest" in text
    assert "IoU 0.700 | 8.5 s | 5.60 s | 0.66 | 1 |" in first.markdown(lines, live)
    assert plot.draw(lines).size[0] > 300
    assert len({results.identity(one) for one in lines}) == len(lines)


def run(method: str, budget: str, seed: int, **scores: float) -> dict:
    """A line of results with what :mod:`summary` and :mod:`table` read."""
    line = {"set": "dsb-8", "part": "test", "method": method, "options": {}, "budget": budget}
    return line | {
        "seed": seed,
        "seconds": 1.0,
        "steps": 3,
        "predict_seconds": 0.5,
        "scores": {"same": {"iou": 0.5} | scores},
    }


def test_a_seed_whose_objects_are_invented_has_no_seg() -> None:
    from benchmarks.few_shot import table
    from benchmarks.few_shot.summary import rows

    found = [(0.668, 0.482), (0.606, 0.643), (0.736, 0.599)]
    (row,) = rows(run("ours", "1", n, seg=seg, ap50=ap) for n, (seg, ap) in enumerate(found))
    assert row.scores["seg"] == 0.606
    assert row.seg_of_all == 0.668
    assert table.score(row, "seg") == "0.606"
    few = [(seg, 0.4 if n else ap) for n, (seg, ap) in enumerate(found)]
    (row,) = rows(run("ours", "1", n, seg=seg, ap50=ap) for n, (seg, ap) in enumerate(few))
    assert row.scores["seg"] == 0
    assert table.score(row, "seg") == "(0.668)"


def test_the_example_s_forest_has_the_settings_of_the_example() -> None:
    from benchmarks.few_shot.environments import RECIPES
    from benchmarks.few_shot.methods import METHODS
    from benchmarks.few_shot.running import Plan

    plan = Plan("isbi-4", "forest-example", (), options={"trees": 7})
    assert plan.given == {"trees": 7, "edges": False}
    assert plan.key("all")["options"] == {"trees": 7}
    assert all((m.environment or m.name) in {"ours", *RECIPES} for m in METHODS.values())


def test_the_results_that_are_read_are_there() -> None:
    from benchmarks.few_shot import results

    assert {line["method"] for line in results.read(results.RESULTS)} > {"ours", "forest"}


def test_a_job_is_answered(tmp_path: Path) -> None:
    """The folder between the harness and a method, with the method in a process of its own."""
    pytest.importorskip("sklearn")
    truth = (cells() > 0).astype(np.uint8)
    image = (truth * 100 + np.random.default_rng(0).integers(0, 50, truth.shape)).astype(np.uint8)
    for name, array in (("train", image), ("labels", truth), ("test", image)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "000.npy", array)
    job = {"kind": "classes", "budgets": [], "seed": 0, "threads": 1}
    job["options"] = {"trees": 5, "edges": False}
    (tmp_path / "job.json").write_text(json.dumps(job))
    peer = ROOT / "benchmarks" / "few_shot" / "peers" / "forest.py"
    subprocess.run([sys.executable, str(peer), str(tmp_path)], check=True, env=dict(os.environ))
    (mark,) = (tmp_path / "marks.jsonl").read_text().splitlines()
    assert json.loads(mark)["mark"] == "all"
    probability = np.load(tmp_path / "out" / "all" / "probability" / "000.npy")
    assert ((probability > 0.5) == (truth == 1)).mean() > 0.95
