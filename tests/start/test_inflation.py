"""Filters of planes in volumes, against the planes one by one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_unet.start.inflation import inflated


def random(*size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def in_planes(volume: Tensor, flat: Tensor, across: int, *, up: bool = False) -> Tensor:
    """2D convolution, or up-convolution, of every plane that lies across an axis."""
    planes = volume.movedim(2 + across, 1).flatten(0, 1)
    found = F.conv_transpose2d(planes, flat, stride=2) if up else F.conv2d(planes, flat, padding=1)
    return found.unflatten(0, (len(volume), -1)).movedim(1, 2 + across)


def test_a_filter_that_looks_everywhere_is_the_mean_over_all_planes() -> None:
    volume, flat = random(2, 3, 5, 6, 7), random(4, 3, 3, 3)
    expected = sum(in_planes(volume, flat, across) for across in range(3)) / 3
    found = F.conv3d(volume, inflated(flat, (3, 3, 3)), padding=1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("across", range(3))
def test_a_filter_that_looks_along_two_axes_is_that_of_their_planes(across: int) -> None:
    volume, flat = random(2, 3, 5, 6, 7), random(4, 3, 3, 3)
    sides = [3, 3, 3]
    sides[across] = 1
    found = F.conv3d(volume, inflated(flat, sides), padding=[side // 2 for side in sides])
    torch.testing.assert_close(found, in_planes(volume, flat, across))


def test_a_filter_that_looks_along_one_axis_is_right_where_nothing_changes_along_the_others() -> (
    None
):
    flat = random(4, 3, 3, 3)
    line = random(2, 3, 1, 1, 9).expand(2, 3, 5, 6, 9)
    inside = (..., slice(1, -1), slice(1, -1), slice(1, -1))
    found = F.conv3d(line, inflated(flat, (1, 1, 3)), padding=(0, 0, 1))[inside]
    # Along both planes that hold the axis, nothing changes along the other axis of the plane.
    expected = (in_planes(line, flat, 0) + in_planes(line, flat, 1))[inside] / 2
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("across", range(3))
def test_up_along_two_axes_is_that_of_their_planes(across: int) -> None:
    volume, flat = random(2, 3, 2, 3, 4), random(3, 4, 2, 2)
    sides = [2, 2, 2]
    sides[across] = 1
    found = F.conv_transpose3d(volume, inflated(flat, sides, up=True), stride=sides)
    torch.testing.assert_close(found, in_planes(volume, flat, across, up=True))


def test_up_along_all_axes_repeats_what_the_planes_say() -> None:
    flat = random(3, 4, 2, 2)
    found = inflated(flat, (2, 2, 2), up=True)
    for z in range(2):
        for y in range(2):
            for x in range(2):
                expected = (flat[:, :, y, x] + flat[:, :, z, x] + flat[:, :, z, y]) / 3
                torch.testing.assert_close(found[:, :, z, y, x], expected)


def test_up_along_one_axis_is_the_mean_over_the_others() -> None:
    flat = random(3, 4, 2, 2)
    # The planes (z, x) and (y, x) hold the axis x, both as their second one.
    torch.testing.assert_close(inflated(flat, (1, 1, 2), up=True)[:, :, 0, 0], flat.mean(2))
