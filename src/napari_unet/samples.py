"""Samples: a photograph with strokes and hand-drawn outlines, and synthetic touching cells.

Free of torch and napari: File > Open Sample gets plain layer tuples. Works offline: the photograph
comes with scikit-image, the strokes and outlines with this package (``samples_data/coins.json``,
which says how they were made).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.model.header import ClassDescription, default_classes
from napari_unet.synthetic import touching_cells

LayerTuple = tuple[npt.NDArray[Any], dict[str, Any], str]
"""What napari takes for a layer: data, arguments, kind."""


@dataclass(frozen=True)
class Stroke:
    """A line of the brush: label ``value``, ``width`` in pixels, points (x, y)."""

    value: int
    width: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Coins:
    """The photograph of coins with what was drawn on it.

    ``strokes`` lie in the rows ``train_rows`` (start, stop), ``outlines`` (polygons of x, y, one by
    coin) in the rows ``scored_rows``; no pixel belongs to both, and rows between are neither.
    """

    image: npt.NDArray[np.uint8]
    strokes: tuple[Stroke, ...]
    outlines: tuple[npt.NDArray[np.float64], ...]
    train_rows: tuple[int, int]
    scored_rows: tuple[int, int]
    classes: tuple[ClassDescription, ...]

    def scribbles(self) -> npt.NDArray[np.uint8]:
        """The strokes as labels: 0 = not labelled, 1 = background, 2 = coin."""
        labels = np.zeros(self.image.shape, np.uint8)
        for stroke in self.strokes:
            labels[_near(stroke, self.image.shape)] = stroke.value
        return labels

    def objects(self) -> npt.NDArray[np.int32]:
        """The outlined coins with ids from 1; 0 elsewhere. Only ``scored_rows`` are meaningful."""
        from skimage.draw import polygon  # not needed to open a sample

        labels = np.zeros(self.image.shape, np.int32)
        for number, outline in enumerate(self.outlines, 1):
            # polygon() knows pixel centres at whole numbers; ours lie half a pixel further.
            labels[polygon(outline[:, 1] - 0.5, outline[:, 0] - 0.5, labels.shape)] = number
        return labels


@cache
def coins() -> Coins:
    """The photograph and its drawings. Raises UserError if scikit-image brings another picture."""
    from skimage import data

    drawn = json.loads(files("napari_unet").joinpath("samples_data/coins.json").read_text("utf-8"))
    image = data.coins()
    if hashlib.sha256(image.tobytes()).hexdigest() != drawn["sha256"]:
        raise UserError(
            "The picture of coins in this version of scikit-image is not the one that the outlines "
            "were drawn on; install another version of scikit-image to use the sample."
        )
    classes = default_classes(2)
    return Coins(
        image=image,
        strokes=tuple(
            Stroke(s["value"], s["width"], tuple(map(tuple, s["points"]))) for s in drawn["strokes"]
        ),
        outlines=tuple(np.array(outline["points"], float) for outline in drawn["outlines"]),
        train_rows=tuple(drawn["train_rows"]),
        scored_rows=tuple(drawn["scored_rows"]),
        classes=tuple(
            ClassDescription(name=name, color=known.color)
            for name, known in zip(drawn["classes"], classes, strict=True)
        ),
    )


def coins_layers() -> list[LayerTuple]:
    """The photograph and the strokes as napari layers."""
    sample = coins()
    colours = {i: c.color for i, c in enumerate(sample.classes, 1)}
    return [
        (sample.image.copy(), {"name": "coins"}, "image"),
        (
            sample.scribbles(),
            {
                "name": "coins: strokes",
                "colormap": {None: "transparent", 0: "transparent", **colours},
                "metadata": {
                    "napari_unet": {
                        "image": "coins",
                        "role": "labels",
                        "kind": "scribbles",
                        "classes": [c.model_dump() for c in sample.classes],
                    }
                },
            },
            "labels",
        ),
    ]


def touching_cells_layers() -> list[LayerTuple]:
    """Synthetic touching cells and their exact ids as napari layers."""
    image, objects = touching_cells()
    about = {"image": "touching cells", "synthetic": True}
    return [
        (image, {"name": "touching cells", "metadata": {"napari_unet": about}}, "image"),
        (
            objects,
            {
                "name": "touching cells: objects",
                "metadata": {"napari_unet": about | {"role": "labels", "kind": "objects"}},
            },
            "labels",
        ),
    ]


def _near(stroke: Stroke, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels whose centre is at most half a width away from the line."""
    rows, columns = np.indices(shape, dtype=np.float64, sparse=True)
    x, y = columns + 0.5, rows + 0.5
    mask = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(stroke.points, stroke.points[1:], strict=False):
        dx, dy = x1 - x0, y1 - y0
        # foot of the perpendicular from the pixel, as a fraction of the segment
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        mask |= np.hypot(x - x0 - along * dx, y - y0 - along * dy) <= stroke.width / 2
    return mask
