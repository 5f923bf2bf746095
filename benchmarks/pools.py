"""Images of which parts are labelled little by little, and a network that learns them meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from common import data, read

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.core import make_trainer
from napari_unet.errors import UserError
from napari_unet.evaluation.overlap import confusion, iou
from napari_unet.guidance import Suggestion, Terms, Weights, draw, rank_planes, terms_of
from napari_unet.guidance.terms import features_of, labelled_features
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Failed

SIDE = 64
"""Of the advised regions, pixels, as in the dock."""
Pair = tuple[np.ndarray, np.ndarray]
"""Image and class map; UNLABELLED in the class map where the truth is not known."""
Planes = list[tuple[tuple[int, ...], Terms]]


def load(name: str) -> tuple[list[Pair], list[Pair]]:
    """(pool, test) of dsb, isbi or u373; no image is in both."""
    if name == "dsb":
        folders = [data("dsb2018_fluo") / part for part in ("train", "test")]
        parts = [sorted((f / "images").iterdir()) for f in folders]
        parts = [parts[0][::8][:8], parts[1][:10]]
    elif name == "isbi":
        folders = [data("isbi2012")] * 2
        files = sorted((folders[0] / "images").iterdir())
        parts = [files[0:12:4], files[20:30:4]]
    else:
        folders = [data("ctc_phc_u373")] * 2
        files = sorted((folders[0] / "images").iterdir())
        half = len(files) // 2
        parts = [files[:half:6], files[half::6]]
    pairs = []
    for folder, files in zip(folders, parts, strict=True):
        pairs.append([_pair(f, folder / "masks") for f in files])
    return pairs[0], pairs[1]


def _pair(path: Path, masks: Path) -> Pair:
    mask = next(m for m in masks.iterdir() if m.stem == path.stem)
    return read(path), (read(mask) > 0).astype(np.uint8)


def nothing_painted(pool: list[Pair]) -> list[np.ndarray]:
    """Empty labels of kind scribbles: 0 not labelled, else 1 + class."""
    # Not kind classes: class maps of 0 and 255 would be taken for masks.
    return [np.zeros(truth.shape, np.uint8) for _, truth in pool]


def wholly_painted(pool: list[Pair]) -> list[np.ndarray]:
    """Labels of kind scribbles wherever the truth is known."""
    return [np.where(t == UNLABELLED, 0, t + 1).astype(np.uint8) for _, t in pool]


def suggestions(planes: Planes, weights: Weights | None, count: int, seed: int) -> list[Suggestion]:
    """Advised regions, the best first; drawn by lot (foreground preferred) without ``weights``."""
    if weights is None:
        return draw(planes, count=count, seed=seed)
    return rank_planes(planes, count=count, weights=weights)


class Pool:
    """A pool of images with what is ``painted`` on them, and a trainer on them.

    ``painted`` may be changed in place; :meth:`tell` lets the trainer know. ``recipe`` goes to
    :func:`make_trainer` (settings, preset_name).
    """

    def __init__(
        self, pool: list[Pair], painted: list[np.ndarray], seed: int, **recipe: Any
    ) -> None:
        self.pool, self.painted = pool, painted
        self.features = [features_of(image[None]) for image, _ in pool]
        # All images from the start, labelled or not: the normalisation must suit the whole pool.
        self.trainer = make_trainer(
            [
                LabelledImage(Image(str(n), image, "yx"), Image(str(n), labels, "yx"), "scribbles")
                for n, ((image, _), labels) in enumerate(zip(pool, painted, strict=True))
            ],
            classes=2,
            start="auto",
            seed=seed,
            validation="none",
            device="cpu",
            precision="float32",
            **recipe,
        )
        # One run without an end, as in the dock: labels change between its steps.
        self._events = self.trainer.run()

    def train(self, steps: int) -> None:
        """Go on for some steps.

        Raises
        ------
        UserError
            Training failed.
        """
        until = self.trainer.step + steps
        while self.trainer.step < until:
            event = next(self._events)
            if isinstance(event, Failed):
                raise UserError(event.message)

    def tell(self, number: int) -> None:
        """The next step learns from what is painted on an image now."""
        self.trainer.update_labels(str(number), ())

    def refresh(self) -> None:
        """Predict with the network of this moment from now on."""
        self._predictor = self.trainer.predictor()
        self._predictions: list[np.ndarray] = []

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Probabilities (class, y, x)."""
        opened = Image("test", image, "yx")
        normalised = self.trainer.data.normalisation.for_image(opened)
        box = tuple((0, n) for n in image.shape)
        return self._predictor.region(
            lambda part: normalised.apply(opened.read((), part)), image.shape, box
        )

    @property
    def predictions(self) -> list[np.ndarray]:
        """Probabilities (class, y, x) of the images of the pool."""
        if not self._predictions:
            self._predictions = [self.predict(image) for image, _ in self.pool]
        return self._predictions

    @property
    def labels(self) -> list[np.ndarray]:
        """What is painted, as class maps."""
        return [np.where(s == 0, UNLABELLED, s - np.uint8(1)) for s in self.painted]

    def terms(self) -> Planes:
        """What speaks for labelling each region of the pool."""
        labels = self.labels
        known = [labelled_features(f, one) for f, one in zip(self.features, labels, strict=True)]
        counts = sum(np.bincount(one[one != UNLABELLED].ravel(), minlength=2)[:2] for one in labels)
        return [
            (
                (n,),
                terms_of(
                    self.predictions[n],
                    labels[n],
                    image[None],
                    side=SIDE,
                    labelled=counts,
                    known=np.concatenate(known),
                ),
            )
            for n, (image, _) in enumerate(self.pool)
        ]

    def ious(self, test: list[Pair]) -> list[float]:
        """IoU of each class over all pixels of the test images."""
        table = np.zeros((2, 2), np.int64)
        for image, truth in test:
            table += confusion(self.predict(image).argmax(0), truth, 2, ignore=UNLABELLED)
        return [float(value) for value in iou(table)]
