"""Classes that lie the same way round in every image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.preflight import Planes, lint_together
from napari_unet.preflight.directions import FEWEST_IMAGES

Labels = npt.NDArray[np.uint8]


def pair(seed: int, turns: int = 0, mirrored: bool = False) -> Labels:
    """A disc of class 1 and, 14 pixels to the right of it, one of class 2."""
    y, x = np.random.default_rng(seed).integers(20, 30, 2)
    rows, columns = np.mgrid[:64, :64]
    labels = np.zeros((64, 64), np.uint8)
    for value, place in ((1, x), (2, x + 14)):
        labels[(rows - y) ** 2 + (columns - place) ** 2 < 40] = value
    labels = labels[:, ::-1] if mirrored else labels
    return np.rot90(labels, turns)


def offset(labels: Labels) -> tuple[float, float]:
    """From class 1 to class 2."""
    return Planes.of("one", labels, 2).offsets[1, 2]


def codes(images: list[Labels], kind: str = "classes", dims: int = 2) -> list[str]:
    planes = [Planes.of(f"i{n}", labels, dims) for n, labels in enumerate(images)]
    return [issue.code for _, issue in lint_together(planes, kind)]  # type: ignore[arg-type]


def test_left_and_right_are_noticed() -> None:
    planes = [Planes.of(f"i{n}", pair(n), 2) for n in range(5)]
    [(name, issue)] = lint_together(planes, "classes")
    assert (name, issue.code, issue.level) == ("i0", "direction", "note")
    assert issue.message.startswith("Classes 1 and 2 lie the same way round in all 5 images.")


@pytest.mark.parametrize("turns", range(4))
def test_whatever_the_direction_is(turns: int) -> None:
    assert codes([pair(n, turns) for n in range(FEWEST_IMAGES)]) == ["direction"]


def test_nothing_is_said_of_too_few_images_or_of_other_kinds() -> None:
    assert codes([pair(n) for n in range(FEWEST_IMAGES - 1)]) == []
    assert codes([pair(n) for n in range(5)], "scribbles") == []
    # Planes of one image show the same things again.
    assert codes([np.stack([pair(n) for n in range(5)])]) == []


def test_nothing_is_said_where_they_lie_any_way() -> None:
    assert codes([pair(n, n % 4) for n in range(8)]) == []
    assert codes([pair(n, mirrored=n == 3) for n in range(5)]) == []


def test_nothing_is_said_of_what_lies_inside_the_other() -> None:
    rows, columns = np.mgrid[:64, :64]

    def eccentric(x: int) -> Labels:
        cell = (rows - 32) ** 2 + (columns - x) ** 2 < 150
        nucleus = (rows - 32) ** 2 + (columns - x - 3) ** 2 < 20
        return (cell + nucleus.astype(np.uint8)).astype(np.uint8)

    assert codes([eccentric(20 + 3 * n) for n in range(6)]) == []


def test_volumes_and_planes_without_a_class() -> None:
    volumes = [np.stack([np.zeros((64, 64), np.uint8), pair(n), pair(n)]) for n in range(4)]
    assert codes(volumes, dims=3) == ["direction"]
    assert codes(volumes, dims=2) == ["direction"]
    unlabelled = [np.where(v == 0, 255, v).astype(np.uint8) for v in volumes]
    assert codes(unlabelled) == ["direction"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_offsets_turn_with_the_image_and_are_free_of_its_scale(seed: int, zoom: int) -> None:
    labels = pair(seed)
    y, x = offset(labels)
    assert x > 1
    assert abs(y) < 0.5
    turned = offset(np.rot90(labels))
    np.testing.assert_allclose(turned, (-x, y), atol=1e-9)
    larger = offset(labels.repeat(zoom, 0).repeat(zoom, 1))
    np.testing.assert_allclose(larger, (y, x), atol=1e-9)


def test_ids_of_objects_are_no_classes() -> None:
    many = np.arange(64 * 64).reshape(64, 64) // 64
    assert not Planes.of("many", many, 2).offsets
    assert not Planes.of("none", many[:0], 2).offsets


def test_hippocampi_are_noticed(shared_data: Path) -> None:
    files = sorted((shared_data / "msd_hippocampus" / "masks").iterdir())[:6]
    volumes = [tifffile.imread(file).astype(np.uint8) for file in files]
    assert "direction" in codes(volumes, dims=3)
