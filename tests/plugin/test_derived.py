"""Layers of an image lie where it lies, with channels, turned, and after it was moved, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.plugin import derived
from napari_unet.plugin.inspectors import mending
from napari_unet.plugin.inspectors.tile_layers import _put
from napari_unet.plugin.session import Session

TURNED = np.array([[0.8, -0.6, 5], [0.6, 0.8, 7], [0, 0, 1]])
PLACES: list[dict[str, Any]] = [
    {"rotate": 30},
    {"shear": [0.3]},
    {"affine": TURNED},
    {"scale": (2, 3), "translate": (10, 20), "rotate": 30, "shear": [0.2], "affine": TURNED},
]


def world(layer: Any, *pixel: float) -> Any:
    return np.asarray(layer.data_to_world(pixel))[-2:]


def in_front(place: dict[str, Any]) -> dict[str, Any]:
    """The same of an image with channels first."""
    made = dict(place)
    for name, spare in (("scale", 1), ("translate", 0)):
        if name in made:
            made[name] = (spare, *made[name])
    if "rotate" in made:
        turn = np.eye(3)
        angle = np.deg2rad(made["rotate"])
        turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        made["rotate"] = turn
    if "shear" in made:
        made["shear"] = [0, 0, *made["shear"]]
    if "affine" in made:
        affine = np.eye(4)
        affine[1:, 1:] = made["affine"]
        made["affine"] = affine
    return made


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("channels", [False, True])
def test_labels_lie_over_an_image_however_it_is_turned(
    session: Session, place: dict[str, Any], channels: bool
) -> None:
    data = np.zeros((3, 40, 50) if channels else (40, 50), np.uint8)
    place = in_front(place) if channels else place
    axes = ("c", "y", "x")[-data.ndim :]
    image = session.viewer.add_image(data, name="cells", axis_labels=axes, **place)
    entry = session.use_image(image)
    labels = session.new_labels(entry).layer
    lead = (0,) * channels
    for pixel in ((0, 0), (39, 0), (0, 49), (12, 34)):
        np.testing.assert_allclose(world(labels, *pixel), world(image, *lead, *pixel))
    assert mending.displaced(entry, labels) is None


def test_labels_that_are_turned_otherwise_lie_elsewhere_until_they_are_laid_over(
    session: Session,
) -> None:
    image = session.viewer.add_image(np.zeros((40, 50), np.uint8), name="cells", rotate=30)
    entry = session.use_image(image)
    labels = session.viewer.add_labels(np.zeros((40, 50), np.uint8), affine=TURNED)
    assert mending.displaced(entry, labels) is not None
    back = mending.lay_over(entry, labels, "scribbles")
    assert mending.displaced(entry, labels) is None
    back()
    np.testing.assert_allclose(world(labels, 3, 4), TURNED[:2, :2] @ (3, 4) + (5, 7))


def test_layers_go_with_the_image_that_is_moved(session: Session) -> None:
    image = session.viewer.add_image(np.zeros((40, 50), np.uint8), name="cells", rotate=20)
    entry = session.use_image(image)
    labels = session.new_labels(entry).layer
    predicted = derived.class_layer(session.viewer, entry, session.classes)
    _put(session.viewer, entry, (), "loss", np.zeros((8, 8)), ((16, 24), (32, 40)), ())
    tile = derived.find(session.viewer, entry, "tile loss")
    own = session.viewer.add_labels(  # somebody put them elsewhere on purpose
        np.zeros((40, 50), np.uint8), scale=(7, 7), metadata=dict(labels.metadata)
    )
    image.scale = (2, 3)
    image.translate = (10, 20)
    image.rotate = 45
    image.affine = TURNED
    image.shear = [0.4]
    for layer in (labels, predicted):
        np.testing.assert_allclose(world(layer, 12, 34), world(image, 12, 34))
    np.testing.assert_allclose(world(tile, 0, 0), world(image, 16, 32))
    np.testing.assert_allclose(world(tile, 3, 4), world(image, 19, 36))
    np.testing.assert_allclose(own.scale, (7, 7))


def test_the_engine_hears_how_large_pixels_are_when_it_is_said_late(session: Session) -> None:
    image = session.viewer.add_image(np.zeros((4, 40, 50), np.uint8), axis_labels=("z", "y", "x"))
    entry = session.use_image(image)
    session.new_labels(entry)
    assert session.engine.of("open_image")[-1].spacing == (1, 1)  # type: ignore[attr-defined]
    image.scale = (5, 0.5, 0.5)
    assert session.engine.of("open_image")[-1].spacing == (0.5, 0.5)  # type: ignore[attr-defined]
    assert session.engine.sent[-1].type == "set_labels"  # type: ignore[attr-defined]
    opened = len(session.engine.of("open_image"))  # type: ignore[attr-defined]
    image.translate = (0, 1, 1)  # pixels are as large as before
    assert len(session.engine.of("open_image")) == opened  # type: ignore[attr-defined]
