"""The demo leaves a model, a picture and honest scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from napari_unet import demo
from napari_unet.errors import UserError
from napari_unet.samples import coins
from napari_unet.training.events import Finished, Progress


def as_probability(mask: np.ndarray) -> np.ndarray:
    """A sure prediction of ``mask`` (class, y, x)."""
    return np.stack([~mask, mask]).astype(np.float32)


def test_a_perfect_prediction_scores_one_and_leaves_picture_and_scores(tmp_path: Path) -> None:
    truth = as_probability(coins().objects() > 0)
    scores = demo.write_results(tmp_path, truth, seconds=30, steps=100)
    assert (scores["iou"], scores["dice"], scores["pixel_error"], scores["ap50"]) == (1, 1, 0, 1)
    assert (scores["objects_found"], scores["objects_missed"], scores["objects_wrong"]) == (
        12,
        0,
        0,
    )
    assert json.loads((tmp_path / demo.SCORES).read_text()) == scores
    with Image.open(tmp_path / demo.PICTURE) as picture:
        assert picture.width > 2 * coins().image.shape[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == [demo.PICTURE, demo.SCORES]


def test_only_the_scored_part_counts() -> None:
    sample = coins()
    mask = sample.objects() > 0
    mask[: sample.scored_rows[0]] = True
    assert demo.score(sample, as_probability(mask))["iou"] == 1


def test_scores_against_counting_by_hand() -> None:
    sample = coins()
    truth = sample.objects()
    mask = truth > 0
    mask[truth == 1] = False  # one coin missed
    mask = ndimage.binary_erosion(mask)
    mask[160:170, 5:15] = True  # one too many
    scores = demo.score(sample, as_probability(mask))
    assert (scores["objects_found"], scores["objects_missed"], scores["objects_wrong"]) == (
        11,
        1,
        1,
    )
    assert scores["ap50"] == pytest.approx(11 / 13)
    rows = slice(*sample.scored_rows)
    a, b = mask[rows], truth[rows] > 0
    assert scores["iou"] == pytest.approx((a & b).sum() / (a | b).sum())
    assert scores["pixel_error"] == pytest.approx((a != b).mean())
    assert scores["painted_pixels"] == (sample.scribbles() > 0).sum()


def test_nothing_found_is_zero_and_still_a_picture(tmp_path: Path) -> None:
    nothing = as_probability(np.zeros(coins().image.shape, bool))
    scores = demo.write_results(tmp_path, nothing, seconds=1, steps=1)
    assert scores["iou"] == scores["ap50"] == 0
    assert (tmp_path / demo.PICTURE).stat().st_size > 10_000


def test_another_prediction_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 classes"):
        demo.write_results(tmp_path, np.zeros((3, 303, 384), np.float32), seconds=1, steps=1)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="could not be saved"):
        demo.run(tmp_path / "file")


def test_a_few_steps_leave_all_files(tmp_path: Path) -> None:
    events: list[object] = []
    scores = demo.run(tmp_path / "new" / "out", budget=None, steps=2, on_event=events.append)
    assert sorted(p.name for p in (tmp_path / "new" / "out").iterdir()) == sorted(
        [demo.MODEL, demo.PICTURE, demo.SCORES]
    )
    assert scores["steps"] == 2
    assert any(isinstance(e, Progress) for e in events)
    assert isinstance(events[-1], Finished)


def test_a_short_training_finds_the_coins(tmp_path: Path) -> None:
    scores = demo.run(tmp_path, budget=None, steps=25)
    assert scores["iou"] > 0.8  # 0.93 to 0.96 are usual after 25 to 120 steps
    assert scores["objects_missed"] <= 1
