"""How common each class is in the images, rather than in the strokes.

Whoever paints gives each class about as many strokes, however rare it is, and a network that learns
from them says "rare" too often: all that it is unsure of is shared out as the strokes are. How
common the classes really are can be read from the pixels that nobody labelled: M. Saerens,
P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities",
Neural Computation 14 (2002), eq. 2.9. What a network says is then multiplied by the ratio of the
two shares, which is no more than another bias of its last layer. While a network tells little apart
the estimate says that there is nothing but the common class: the bias is moved only as far as what
was painted is still found.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from napari_unet.images.tiling import Box
from napari_unet.training.data import TrainingData
from napari_unet.training.first_answer import last_layer
from napari_unet.training.plane import TrainingPlane

Array = npt.NDArray[np.float64]
Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""From normalised pixels (piece, channel, *input) to probabilities (piece, class, *output)."""

LOOKED_AT = 8
"""Pieces of the images that the shares are read from."""
THINNED = 7
"""One pixel in so many counts: neighbours say the same."""
TRUST = 0.05
"""Weight of the strokes' own shares beside those of the image. No class is lost altogether."""
PARTS = (1.0, 0.8, 0.6, 0.4, 0.2)
LOST = 0.1
"""Part of the painted pixels of a class that may be lost."""
COMPLETE = 0.5
"""Labelled part of the planes from which on the labels themselves say how common a class is."""


def image_shares(probability: Array, trained: Array) -> Array:
    """Share of each class, (C,), that explains ``probability`` (C, N) best.

    ``trained``: the shares that the classifier learnt from. Expectation maximisation, eq. 2.9.
    """
    shares = trained
    for _ in range(100):
        weighted = probability * (shares / trained)[:, None]
        found: Array = (weighted / weighted.sum(0)).mean(1)
        found = (found + TRUST * trained) / (1 + TRUST)
        moved = float(np.abs(found - shares).max())
        shares = found
        if moved < 1e-5:
            break
    return shares


def follow_images(
    network: nn.Module,
    data: TrainingData,
    balance: Array,
    *,
    output: tuple[int, ...],
    border: tuple[int, ...],
    batch: int,
    predict: Predict,
) -> nn.Module:
    """A copy of ``network`` whose classes are as common as in the images of ``data``.

    ``balance``: weight by class in the loss. ``predict`` is ``network`` on pieces as in training:
    ``batch`` of them, ``output`` pixels large, ``border`` more at each side of the input. The
    network itself comes back where the labels are no strokes, a class is not labelled, or the
    network has no single last layer.
    """
    head = last_layer(network)
    planes = [plane for plane in data.planes.values() if plane.trained.any()]
    if not planes:  # all that was painted was erased again
        return network
    counts = np.sum([p.trained for p in planes], 0)[: len(balance)]
    labelled = counts.sum() / sum(int(np.prod(p.shape)) for p in planes)
    if head is None or head.bias is None or labelled >= COMPLETE or not (counts > 0).all():
        return network
    trained = counts * balance / (counts * balance).sum()
    places = places_to_look(planes, output)
    seen, painted, classes = [], [], []
    for start in range(0, LOOKED_AT, batch):
        some = places[start : start + batch]
        pixels = np.stack([plane.read_pixels(_grown(box, border)) for plane, box in some])
        for (plane, box), said in zip(some, predict(pixels), strict=True):
            flat = said.reshape(len(balance), -1).astype(np.float64)
            labels = plane.read_labels(box)[0].ravel().astype(np.intp)
            known = labels < len(balance)
            painted.append(flat[:, known])
            classes.append(labels[known])
            seen.append(flat[:, not_held_out(plane, box)][:, ::THINNED])
    probability = np.concatenate(seen, 1)
    if not probability.size or not np.isfinite(probability).all():
        return network
    shift = np.log(image_shares(probability, trained) / trained)
    return _shifted(
        network, shift * bearable(shift, np.concatenate(painted, 1), np.concatenate(classes))
    )


def bearable(shift: Array, probability: Array, classes: npt.NDArray[np.intp]) -> float:
    """The largest part of ``shift`` after which painted pixels are still what was painted.

    ``probability``: (C, N) of pixels of known ``classes``, before the shift. A network that tells
    little apart yet would find nothing but the common class: of no class may it forget more than
    ``LOST``. Where a class has no pixel here, nobody would see it vanish: nothing is shifted then.
    """
    if not np.bincount(classes, minlength=len(shift)).all():
        return 0.0

    def found(part: float) -> Array:
        best = (np.log(probability + 1e-9) + part * shift[:, None]).argmax(0)
        right = np.bincount(classes[best == classes], minlength=len(shift))
        recall: Array = right / np.maximum(1, np.bincount(classes, minlength=len(shift)))
        return recall

    before = found(0.0)
    return next((p for p in PARTS if bool((found(p) >= before - LOST).all())), 0.0)


def _shifted(network: nn.Module, shift: Array) -> nn.Module:
    """A copy whose logits are ``shift`` higher, class by class."""
    moved = copy.deepcopy(network)
    with torch.no_grad():
        bias = moved.get_parameter("head.bias")
        bias.add_(torch.from_numpy(shift).to(bias))
    return moved


def places_to_look(
    planes: Sequence[TrainingPlane], side: tuple[int, ...]
) -> list[tuple[TrainingPlane, Box]]:
    """Pieces around painted pixels; of each class in turn, and from as many planes as possible.

    Whoever paints knows where there is something to be seen.
    """
    classes = sorted({value for plane in planes for value in plane.candidates})
    places = []
    for number in range(LOOKED_AT):
        turn, first = divmod(number, len(planes))
        # One class further with every round, lest a plane shows the same one again and again.
        value = classes[(first + turn) % len(classes)]
        order = [*planes[first:], *planes[:first]]
        plane = next(p for p in order if value in p.candidates)
        places.append((plane, piece_of(plane, side, value, number)))
    return places


def piece_of(plane: TrainingPlane, side: tuple[int, ...], value: int, number: int) -> Box:
    """Around a painted pixel of class ``value``; always the same for the same number."""
    random = np.random.default_rng(zlib.crc32(repr((plane.key, number)).encode()))
    places = plane.candidates[value]
    pixel = np.unravel_index(int(places[random.integers(len(places))]), plane.truth.shape)
    corners = [
        min(max(0, int(p) + low - s // 2), max(0, n - s))
        for p, (low, _), s, n in zip(pixel, plane.window, side, plane.shape, strict=True)
    ]
    return tuple((c, c + s) for c, s in zip(corners, side, strict=True))


def _grown(box: Box, border: tuple[int, ...]) -> Box:
    return tuple((a - n, b + n) for (a, b), n in zip(box, border, strict=True))


def not_held_out(plane: TrainingPlane, box: Box) -> npt.NDArray[np.bool_]:
    """Flat: what is held out for validation takes no part in anything that is learnt."""
    free = np.ones([b - a for a, b in box], bool)
    if plane.held_out is not None:
        free[
            tuple(
                slice(max(0, low - a), max(0, high - a))
                for (low, high), (a, _) in zip(plane.held_out.box, box, strict=True)
            )
        ] = False
    return free.ravel()
