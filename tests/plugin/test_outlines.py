"""Shapes that cover a mask: the mask comes back, with its holes."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import example, given, settings
from napari.components import ViewerModel

from napari_unet.plugin.images import ImageEntry, describe
from napari_unet.plugin.labels import rasterise
from napari_unet.plugin.outlines import outlines
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.regions import read_regions
from napari_unet.plugin.session import Session

RING = np.ones((9, 11), bool)
RING[3:6, 4:7] = False
PLANES = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12))


@settings(max_examples=60, deadline=None)
@given(PLANES)
@example(RING)
@example(np.eye(4, dtype=bool))
@example(~np.eye(6, dtype=bool))
@example(np.ones((1, 5), bool))
def test_shapes_cover_a_mask_and_nothing_else(mask: np.ndarray) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(mask.shape))
    shapes = viewer.add_shapes(ndim=2)
    for kind, corners in outlines(mask):
        shapes.add(corners, shape_type=kind)
    entry = ImageEntry("a", layer, describe(layer, "yx"))
    np.testing.assert_array_equal(rasterise(shapes, entry), mask)


def test_a_smooth_outline_with_a_hole_is_few_shapes() -> None:
    y, x = np.mgrid[:200, :200]
    far = np.hypot(y - 100, x - 100)
    assert len(list(outlines((far > 30) & (far < 90)))) <= 4
    assert [kind for kind, _ in outlines(RING[:, :4])] == ["rectangle"]
    assert len(list(outlines(far < 90))) == 1


@pytest.mark.parametrize("planes", [False, True])
def test_a_region_with_a_hole_comes_back_with_it(
    session: Session, engine: Any, paint: Any, planes: bool
) -> None:
    shape = (3, 60, 70) if planes else (60, 70)
    entry = session.use_image(session.viewer.add_image(np.zeros(shape, np.uint8), name="a"))
    one = session.new_labels(entry)
    at = (2,) if planes else ()
    paint(one.layer, (*(slice(2, 3) for _ in at), slice(0, 4), slice(0, 4)), 1)
    session.viewer.dims.set_point(0, 2)
    for box in (((5, 15), (5, 60)), ((40, 50), (5, 60)), ((5, 50), (5, 15)), ((5, 50), (50, 60))):
        session.mark_complete(entry, box)
    expected = np.array(one.regions)
    assert expected[(*at, 10, 30)] == 1
    assert expected[(*at, 30, 30)] == 0
    folder = session.project.project.folder
    session.close()
    again = Session(ViewerModel(), engine=type(engine)())
    open_project(again, folder)
    [now] = again.labels.values()
    read_regions(again, now.entry)  # as after the next shape that is drawn
    np.testing.assert_array_equal(now.regions, expected)
    again.close()
