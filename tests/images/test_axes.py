from __future__ import annotations

import pytest

from napari_unet.errors import UserError
from napari_unet.images.axes import check_axes, guess_axes


@pytest.mark.parametrize(
    ("shape", "rgb", "axes"),
    [
        ((9, 8), None, "yx"),
        ((9, 8, 3), None, "yxc"),
        ((9, 8, 4), None, "yxc"),
        ((9, 8, 3), False, "zyx"),
        ((3, 9, 8), None, "zyx"),
        ((9, 8, 2), None, "zyx"),
        ((5, 6, 9, 8), None, "tzyx"),
        ((5, 9, 8, 3), None, "zyxc"),
        ((5, 9, 8, 3), False, "tzyx"),
        ((2, 5, 2, 9, 8), None, "tzcyx"),
        ((2, 5, 2, 9, 3), None, "tzcyx"),
        ((2, 5, 9, 8, 3), True, "tzyxc"),
    ],
)
def test_guess(shape: tuple[int, ...], rgb: bool | None, axes: str) -> None:
    assert guess_axes(shape, rgb) == axes


@pytest.mark.parametrize("shape", [(), (5,), (1, 2, 3, 4, 5, 6)])
def test_guess_refuses_what_is_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="2 to 5 dimensions"):
        guess_axes(shape)


def test_check_gives_lower_case() -> None:
    assert check_axes("TCZYX", 5) == "tczyx"
    assert check_axes("xy", 2) == "xy"


@pytest.mark.parametrize("axes", ["", "y", "zx", "yyx", "syx", "y x"])
def test_check_refuses_bad_letters(axes: str) -> None:
    with pytest.raises(UserError, match="at most once"):
        check_axes(axes, len(axes))


def test_check_refuses_another_number_of_dimensions() -> None:
    with pytest.raises(UserError, match="name 3 dimensions, but the image has 2"):
        check_axes("zyx", 2)
