"""What speaks for labelling a region: it is uncertain, unlike what is labelled, of a rare class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.images.axes import Box

SCALES = (1.0, 3.0)
"""Standard deviations, in pixels, at which an image is looked at for what it is like."""
RARE = 1 / 3
"""Of the labels of the most frequent class: with more, a class is not rare."""
MOST_LABELLED = 4000
"""Labelled places, at most, that others are compared with."""


@dataclass(frozen=True, eq=False)
class Terms:
    """By window of one plane, each of length n; windows that are mostly labelled are left out.

    ``uncertain``: mean entropy / ln(classes) of what is not labelled, 0..1. ``unlike``: distance of
    the window's features to the nearest labelled place, in standard deviations of the features over
    the plane. ``rare``: expected number of pixels of each class there, weighted by 1 / sqrt(its
    labelled pixels + 1) where it is rare among the labels, summed; ``rarest`` is the class that
    contributes most. ``foreground``: mean probability of all classes but 0, as predicted.
    """

    boxes: tuple[Box, ...]
    uncertain: npt.NDArray[np.float64]
    unlike: npt.NDArray[np.float64]
    rare: npt.NDArray[np.float64]
    rarest: npt.NDArray[np.int64]
    foreground: npt.NDArray[np.float64]


def windows(shape: tuple[int, ...], side: int) -> list[Box]:
    """Boxes of ``side`` pixels, half a side apart, that cover a plane; smaller where it is."""
    spans = []
    for n in shape:
        length = min(side, n)
        starts = list(range(0, n - length + 1, max(1, length // 2)))
        if starts[-1] != n - length:
            starts.append(n - length)
        spans.append([(s, s + length) for s in starts])
    grid = np.indices([len(s) for s in spans]).reshape(len(spans), -1).T
    return [tuple(spans[axis][i] for axis, i in enumerate(place)) for place in grid]


def terms_of(
    probability: npt.NDArray[Any],
    labels: npt.NDArray[np.uint8],
    image: npt.NDArray[Any] | None = None,
    *,
    side: int = 64,
    labelled: npt.NDArray[Any] | None = None,
    known: npt.NDArray[np.float32] | None = None,
) -> Terms:
    """What speaks for each window of a plane.

    Parameters
    ----------
    probability
        (class, *spatial), as predicted.
    labels
        Class map, (*spatial), UNLABELLED where nothing is labelled.
    image
        (C, *spatial); None leaves ``unlike`` 0.
    side
        Of the windows, pixels.
    labelled
        Labelled pixels by class in all planes; None: those of this plane.
    known
        Features of labelled places in other planes, from :func:`labelled_features`.
    """
    p = np.clip(np.asarray(probability, np.float32), 1e-7, 1)
    n_classes = len(p)
    entropy = -(p * np.log(p)).sum(0) / np.log(max(2, n_classes))
    free = labels == UNLABELLED
    if labelled is None:
        labelled = np.bincount(labels[~free].ravel(), minlength=n_classes)[:n_classes]
    counts = np.zeros(n_classes)
    counts[: len(labelled)] = labelled[:n_classes]
    scarcity = 1 / np.sqrt(counts + 1)
    scarcity /= scarcity.max()
    scarcity[counts > RARE * counts.max()] = 0  # labelled well enough
    boxes = [b for b in windows(free.shape, side) if free[_part(b)].mean() > 0.5]
    if not boxes:
        none = np.zeros(0)
        return Terms((), none, none, none, none.astype(int), none)
    uncertain = np.array([entropy[_part(b)][free[_part(b)]].mean() for b in boxes])
    shares = np.array([[p[c][_part(b)][free[_part(b)]].mean() for c in range(n_classes)]
                       for b in boxes])  # fmt: skip
    weighted = shares * scarcity
    unlike = np.zeros(len(boxes))
    if image is not None:
        features = features_of(image)
        own = labelled_features(features, labels)
        reference = own if known is None else np.concatenate([own, known])
        if len(reference):
            unlike = _distances(features, boxes, reference)
    return Terms(
        tuple(boxes), uncertain, unlike, weighted.sum(1), weighted.argmax(1), 1 - shares[:, 0]
    )


def features_of(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """(features, *spatial): each channel smoothed, its gradient and its spread, at each scale."""
    made = []
    for channel in np.asarray(image, np.float32):
        filled = np.nan_to_num(channel, posinf=0, neginf=0)
        for sd in SCALES:
            smooth = ndimage.gaussian_filter(filled, sd)
            made += [smooth, ndimage.gaussian_gradient_magnitude(filled, sd)]
            spread = ndimage.gaussian_filter(filled**2, sd) - smooth**2
            made.append(np.sqrt(np.maximum(spread, 0)))
    return np.stack(made).astype(np.float32)


def labelled_features(
    features: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """(places, features) of an even sample of the labelled pixels."""
    places = np.flatnonzero(labels != UNLABELLED)
    places = places[:: max(1, -(-len(places) // MOST_LABELLED))]
    return np.asarray(features.reshape(len(features), -1)[:, places].T)


def _distances(
    features: npt.NDArray[np.float32], boxes: list[Box], reference: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Mean over an 8 x 8 grid of places in each window of the distance to the nearest labelled."""
    spread = features.reshape(len(features), -1).std(axis=1) + 1e-6
    tree = cKDTree(reference / spread)
    result = np.zeros(len(boxes))
    for number, box in enumerate(boxes):
        every = tuple(slice(a, b, max(1, (b - a) // 8)) for a, b in box)
        sample = features[(slice(None), *every)].reshape(len(features), -1).T / spread
        result[number] = float(tree.query(sample)[0].mean()) / np.sqrt(len(features))
    return result


def _part(box: Box) -> tuple[slice, ...]:
    return tuple(slice(a, b) for a, b in box)
