"""What is held out, and how it is scored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_training import data_of, labelled, make_trainer

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.images.image import Image
from napari_unet.images.normalise import choose_normalisation
from napari_unet.networks import registry
from napari_unet.prediction.predictor import Predictor
from napari_unet.training.data import LabelledImage, TrainingData
from napari_unet.training.plane import HeldOut
from napari_unet.training.validation import GUARD, apply_hold_out, block_of, plan_hold_out, validate

ARGUMENTS = {"width": 2, "depth": 1, "padding": "same", "norm": "none", "dropout": 0.0}


def a_predictor(classes: int = 2) -> Predictor:
    torch.manual_seed(0)
    network = registry.build(
        "unet", dims=2, in_channels=1, out_channels=classes, arguments=ARGUMENTS
    )
    geometry = registry.geometry("unet", ARGUMENTS)
    return Predictor(network, geometry, device=torch.device("cpu"), precision="float32")


def test_the_guard_band_of_a_volume_is_as_wide_in_the_world_along_every_axis() -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, (24, 64, 64)).astype(np.uint8)
    labels = generator.integers(1, 3, pixels.shape).astype(np.uint8)
    image = Image("a", pixels, "zyx", dims=3)
    data = TrainingData(choose_normalisation([image]), voxel=(8.0, 1.0, 1.0))
    data.add(LabelledImage(image, Image("a", labels, "zyx", dims=3), "scribbles"))
    [plane] = data.planes.values()
    plane.hold_out(HeldOut(((10, 14), (20, 40), (30, 50))), GUARD)
    untrained = np.argwhere(plane.classes == UNLABELLED)
    assert untrained.min(0).tolist() == [10 - GUARD // 8, 20 - GUARD, 30 - GUARD]
    assert untrained.max(0).tolist() == [13 + GUARD // 8, 39 + GUARD, 49 + 14]


@given(
    seed=st.integers(0, 1000),
    height=st.integers(40, 100),
    width=st.integers(40, 100),
    labelled_part=st.floats(0.05, 1),
)
@settings(max_examples=25, deadline=None)
def test_no_candidate_lies_in_a_block_or_its_guard(
    seed: int, height: int, width: int, labelled_part: float
) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.integers(1, 3, (height, width)).astype(np.uint8)
    labels[generator.random(labels.shape) > labelled_part] = 0
    image = Image("a", generator.integers(0, 255, labels.shape).astype(np.uint8), "yx")
    data = data_of([LabelledImage(image, Image("a", labels, "yx"), "scribbles")])
    [plane] = data.planes.values()
    before = np.bincount(plane.classes.ravel(), minlength=256)[:UNLABELLED]
    plan = plan_hold_out(data, seed)
    apply_hold_out(data, plan)
    held = plan[plane.key]
    assert held == block_of(plane, seed)
    after = np.bincount(plane.classes.ravel(), minlength=256)[:UNLABELLED]
    if held is None:
        np.testing.assert_array_equal(after, before)
        return
    trained = np.zeros(labels.shape, int)
    y, x = (start for start, _ in plane.window)
    for places in plane.candidates.values():
        rows, columns = np.unravel_index(places, plane.truth.shape)
        trained[rows + y, columns + x] += 1
    (a, b), (c, d) = held.box
    assert trained[max(0, a - GUARD) : b + GUARD, max(0, c - GUARD) : d + GUARD].sum() == 0
    assert (after * 4 >= before * 3).all()
    assert trained.sum() == after.sum()


def test_iou_is_that_of_all_held_out_pixels_together() -> None:
    data = data_of(labelled(2, size=96))
    apply_hold_out(data, plan_hold_out(data, 1))
    predictor = a_predictor()
    scores, pixels = validate(data, predictor, 2)
    prediction, truth = [], []
    for plane in data.planes.values():
        if plane.held_out is None:
            continue
        box = tuple(slice(a, b) for a, b in plane.held_out.box)
        whole = plane.read_pixels(tuple((0, n) for n in plane.shape))
        prediction.append(predictor.probability(whole).argmax(0)[box].ravel())
        truth.append(plane.truth[box].ravel())
    p, t = np.concatenate(prediction), np.concatenate(truth)
    assert pixels == t.size
    for value, score in enumerate(scores):
        assert score == pytest.approx(
            ((p == value) & (t == value)).sum() / ((p == value) | (t == value)).sum()
        )


def test_a_score_says_how_sure_it_is_and_what_it_was_learnt_from() -> None:
    trainer = make_trainer(labelled(3, size=256))
    for _ in trainer.run(steps=1):
        pass
    [score] = trainer.validations
    assert score.interval is not None
    assert (score.interval.unit, score.interval.images) == ("piece", 3)
    assert score.interval.low is not None
    assert score.interval.low < score.mean < score.interval.high
    planes = trainer.data.planes.values()
    assert score.labelled == sum(int((p.classes != UNLABELLED).sum()) for p in planes)
    assert 0 < score.labelled < sum(int((p.truth != UNLABELLED).sum()) for p in planes)


def test_an_absent_class_has_no_score() -> None:
    data = data_of(labelled())
    [plane] = data.planes.values()
    plane.hold_out(HeldOut(((0, 64), (0, 64))))
    predictor = a_predictor(3)
    with torch.no_grad():
        predictor.network.head.weight[2] = 0  # type: ignore[index,union-attr,operator]
        predictor.network.head.bias[2] = -1e4  # type: ignore[index,union-attr,operator]
    scores, _ = validate(data, predictor, 3)
    assert scores[2] is None


def test_without_anything_held_out_there_is_no_score() -> None:
    data = data_of(labelled())
    assert validate(data, a_predictor(), 2) == ((None, None), 0)
    [plane] = data.planes.values()
    plane.hold_out(HeldOut(((0, 64), (0, 64)), scored=False))
    assert validate(data, a_predictor(), 2) == ((None, None), 0)


def test_which_images_are_held_out_depends_on_the_seed_only() -> None:
    chosen = set()
    for seed in range(12):
        data = data_of(labelled(8, size=32))
        [held] = [key for key, value in plan_hold_out(data, seed).items() if value]
        again = data_of(labelled(8, size=32)[::-1])
        assert [key for key, value in plan_hold_out(again, seed).items() if value] == [held]
        chosen.add(held)
    assert len(chosen) > 3


def test_new_strokes_in_a_held_out_block_are_never_trained_on() -> None:
    [one] = labelled(size=96)
    trainer = make_trainer([one])
    [plane] = trainer.data.planes.values()
    assert plane.held_out is not None
    (a, b), (c, d) = plane.held_out.box
    one.labels.data[...] = 0
    one.labels.data[a:b, c:d] = 1
    trainer.update_labels("image0", ())
    [plane] = trainer.data.planes.values()
    assert (plane.truth[a:b, c:d] == 1).all()
    assert not (plane.classes == 1).any()
    assert list(plane.candidates) == [0]
