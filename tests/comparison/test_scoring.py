"""The truth that predictions are scored against: the same that networks are trained on."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.comparison.scoring import score, truth_of
from napari_unet.images.image import Image
from napari_unet.images.normalise import Normalisation
from napari_unet.training.data import LabelledImage, TrainingData, are_masks


def labelled(name: str, labels: np.ndarray) -> LabelledImage:
    axes = "tyx"[-labels.ndim :]
    pixels = np.random.default_rng(0).random(labels.shape)
    return LabelledImage(
        Image(name, pixels, axes), Image(name, labels, axes), "classes", complete=True
    )


def stripes(*values: int) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8), 8)[:, None].repeat(24, 1)


CASES = {
    "masks": [stripes(0, 255), stripes(255, 255)],
    "one image marks what is not labelled": [stripes(0, 1, 255), stripes(0, 0, 255)],
    "one plane marks what is not labelled": [
        np.stack([stripes(0, 1, 255), stripes(0, 0, 255), stripes(255, 255, 255)])
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_255_means_what_it_means_in_training(case: str) -> None:
    images = [labelled(f"image{n}", labels) for n, labels in enumerate(CASES[case])]
    data = TrainingData(Normalisation("training", (0.0,), (1.0,)))
    for one in images:
        data.add(one)
    mask = are_masks(images)
    counted = ones = 0
    for one in images:
        truth, ignore = truth_of(one, mask)
        counted += int((~ignore).sum())
        ones += int((truth[~ignore] == 1).sum())
    learnt = [plane.truth for plane in data.planes.values()]
    assert counted == sum(int((target != 255).sum()) for target in learnt)
    assert ones == sum(int((target == 1).sum()) for target in learnt)


def test_what_is_not_labelled_does_not_count() -> None:
    one = labelled("background", stripes(0, 0, 255))
    other = labelled("both", stripes(0, 1, 255))
    right = score(np.zeros((24, 24), np.uint8), one, 2, are_masks([one, other]))
    assert right["pixel_error"] == 0
    assert right["iou_1"] is None
