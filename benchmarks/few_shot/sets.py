"""The four tasks: which files are trained on, which are scored, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from benchmarks.common import data, read

from napari_unet.annotations.holes import hole_sizes, learn_largest_hole
from napari_unet.annotations.kinds import LabelKind
from napari_unet.annotations.splitting import learn_depth, oversplit
from napari_unet.annotations.targets import make_target

Array = npt.NDArray[Any]
Part = Literal["test", "tuning"]

DROPPED_BELOW = 0.1
"""Objects under this part of the median training object are specks, and dropped."""


@dataclass(frozen=True)
class Pair:
    """An image and its labels, (y, x) both; the labels as the kind of the task says."""

    name: str
    image: Array
    labels: Array


@dataclass(frozen=True)
class Objects:
    """What the training labels say about objects; every method's probabilities are cut with it."""

    min_size: int
    split_depth: float
    largest_hole: int


@dataclass(frozen=True)
class Task:
    """One task. ``choose`` names the image files of a part, as (image, mask) paths."""

    name: str
    title: str
    kind: LabelKind
    metrics: tuple[str, ...]
    """What the table shows; the first is what the first useful mask is judged by."""
    choose: Callable[[str], list[tuple[Path, Path]]]
    margin: int = 0
    """Pixels along the border in which a predicted object does not count as invented."""

    @cached_property
    def train(self) -> list[Pair]:
        """The labelled images."""
        return self._read("train")

    def scored(self, part: Part) -> list[Pair]:
        """The images of ``test`` or ``tuning``, in a fixed order."""
        return self._read(part)

    def _read(self, part: str) -> list[Pair]:
        pairs = []
        for image, mask in self.choose(part):
            labels = read(mask)
            if self.kind == "classes":  # ISBI: 255 = cell, 0 = membrane
                labels = (labels > 0).astype(np.uint8)
            pairs.append(Pair(image.name, read(image), labels))
        return pairs

    @cached_property
    def objects(self) -> Objects | None:
        """See :class:`Objects`; the numbers that our training writes into a model. None: no ids."""
        if self.kind != "objects":
            return None
        sizes = [np.unique(p.labels[p.labels > 0], return_counts=True)[1] for p in self.train]
        median = float(np.median(np.concatenate(sizes)))
        targets = [self.target(p) for p in self.train]
        found = [oversplit(target == 1) for target in targets]
        cut, n = np.sum([c for c, _ in found], axis=0), sum(n for _, n in found)
        holes = np.concatenate([hole_sizes(target)[0] for target in targets])
        return Objects(
            round(DROPPED_BELOW * median), learn_depth(cut, n), learn_largest_hole(holes, n, median)
        )

    def target(self, pair: Pair) -> npt.NDArray[np.uint8]:
        """The class map of a labelled image: 1 = object or cell; a line between touching ids."""
        return make_target(pair.labels, self.kind, complete=True).classes


def _files(folder: Path, names: list[str]) -> list[tuple[Path, Path]]:
    return [(folder / "images" / name, folder / "masks" / name) for name in names]


def _isbi(*train: int) -> Callable[[str], list[tuple[Path, Path]]]:
    numbers = {"train": train, "test": range(20, 30), "tuning": (3, 6, 9, 12)}
    return lambda part: _files(data("isbi2012"), [f"{n:02d}.png" for n in numbers[part]])


U373_TRAIN = ("01_t005.tif", "01_t049.tif", "01_t075.tif", "01_t102.tif")


def _u373(part: str) -> list[tuple[Path, Path]]:
    folder = data("ctc_phc_u373")
    names = sorted(file.name for file in (folder / "images").iterdir())
    if part == "test":
        return _files(folder, [name for name in names if name.startswith("02_")])
    others = [n for n in names if n.startswith("01_") and n not in U373_TRAIN]
    return _files(folder, list(U373_TRAIN) if part == "train" else others)


DSB_POSITIONS = (6, 20, 34, 47, 61, 74, 88, 102)


def _dsb(part: str) -> list[tuple[Path, Path]]:
    folder = data("dsb2018_fluo") / ("test" if part == "test" else "train")
    names = sorted(file.name for file in (folder / "images").iterdir())
    if part == "train":
        names = [names[i] for i in DSB_POSITIONS]
    elif part == "tuning":
        names = [name for i, name in enumerate(names) if i not in DSB_POSITIONS][::3]
    return _files(folder, names)


_MEMBRANE = (
    "membrane_iou",
    "cell_iou",
    "rand_error",
    "rand_error_test_optimal",
    "rand_error_test_optimal_by_slice",
)
TASKS = {
    task.name: task
    for task in (
        Task("isbi-4", "ISBI 2012, 4 slices", "classes", _MEMBRANE, _isbi(0, 5, 10, 14)),
        Task("isbi-1", "ISBI 2012, 1 slice", "classes", _MEMBRANE, _isbi(0)),
        Task("u373", "U373, 4 images", "objects", ("seg", "ap50"), _u373, margin=50),
        Task("dsb-8", "DSB 2018, 8 images", "objects", ("iou", "ap50", "seg"), _dsb),
    )
}
TUNING = {
    "isbi-4": "slices 03, 06, 09, 12",
    "isbi-1": "slices 03, 06, 09, 12",
    "u373": "the other 11 images of sequence 01",
    "dsb-8": "every third of the other 101 images of /train",
}
"""What is scored in place of the test part when a recipe is chosen."""
