"""The layers of a tile lie where the tile lies, however the image is placed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.plugin import derived
from napari_unet.plugin.inspectors import tile_layers
from napari_unet.plugin.session import Session

AFFINE = [[1, 1, 5], [0, 2, 1], [0, 0, 1]]


@pytest.mark.parametrize(
    "placed",
    [
        {},
        {"scale": (0.5, 2), "translate": (7, -3)},
        {"scale": (0.5, 2), "rotate": 30, "translate": (7, -3)},
        {"scale": (0.5, 2), "rotate": 30, "shear": [0.4], "affine": AFFINE},
    ],
)
def test_a_tile_lies_on_its_part_of_the_image(
    session: Session, image: np.ndarray, placed: dict[str, Any]
) -> None:
    entry = session.use_image(session.viewer.add_image(image, name="cells", **placed))
    inputs, outputs = ((8, 40), (16, 48)), ((16, 32), (24, 40))
    result = {"input": inputs, "output": outputs, "receptive_field": inputs}
    arrays = {"input": np.zeros((1, 32, 32)), "loss": np.zeros((16, 16))}
    tile_layers.show_tile(session.viewer, entry, (), result, arrays, session.classes)
    for name, box in (("input", inputs), ("loss", outputs)):
        layer = derived.find(session.viewer, entry, f"tile {name}")
        assert layer is not None
        for pixel in ((0, 0), (5, 9)):
            there = [a + p for (a, _), p in zip(box, pixel, strict=True)]
            np.testing.assert_allclose(
                layer.data_to_world(pixel), entry.layer.data_to_world(there), atol=1e-9
            )
