"""Images that are no good, and sets of them that do not fit together."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.images.image import Image
from napari_unet.preflight import Expected, Planes, lint_image, lint_images, lint_together


def noise(seed: int = 0, top: int = 200, shape: tuple[int, ...] = (64, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(20, top, shape).astype(np.uint8)


def codes(image: Image, expected: Expected | None = None) -> list[str]:
    return [issue.code for issue in lint_image(image, expected)]


def test_good_images_are_left_in_peace() -> None:
    assert codes(Image("a", noise(), "yx")) == []
    assert codes(Image("a", noise(shape=(5, 64, 80)), "tyx")) == []
    assert codes(Image("mask", ((noise() > 99) * 255).astype(np.uint8), "yx")) == []


def test_saturated_constant_and_not_a_number() -> None:
    bright = noise().astype(int) * 2
    assert codes(Image("a", np.minimum(bright, 255).astype(np.uint8), "yx")) == ["saturated"]
    assert codes(Image("a", np.full((64, 64), 7), "yx")) == ["constant"]
    assert lint_image(Image("a", np.full((64, 64), 7), "yx"))[0].level == "error"
    holes = noise().astype(np.float32)
    holes[3, 4] = np.nan
    assert codes(Image("a", holes, "yx")) == ["not-a-number"]
    assert codes(Image("a", noise(shape=(20, 20)), "yx")) == ["small"]


def test_a_constant_plane_and_a_constant_channel_say_where() -> None:
    stack = noise(shape=(3, 64, 64))
    stack[1] = 5
    [issue] = lint_image(Image("a", stack, "tyx"))
    assert issue.message.startswith("Plane t = 1 is constant")
    assert (issue.level, issue.places[0].index) == ("warning", (1,))
    [issue] = lint_image(Image("a", stack, "cyx"))
    assert issue.message.startswith("Channel 1 is constant")


def test_compared_with_a_model() -> None:
    image = Image("a", noise(), "yx", spacing=(0.5, 0.5))
    fitting = Expected(1, 2, (20.0,), (200.0,), (0.52, 0.52))
    assert codes(image, fitting) == []
    assert codes(image, Expected(1, 2, (20.0,), (200.0,), (0.2, 0.2))) == ["pixel-size"]
    assert codes(image, Expected(1, 2, (200.0,), (2000.0,), (0.5, 0.5))) == ["intensity"]
    assert codes(image, Expected(3, 2)) == ["channels"]
    [issue] = lint_image(image, Expected(1, 2, spacing=(0.25, 0.25)))
    assert "2 times smaller" in issue.message
    assert "Resize by 2" in issue.message


def test_images_that_do_not_fit_the_others() -> None:
    images = [Image(f"i{n}", noise(n), "yx", spacing=(1.0, 1.0)) for n in range(3)]
    assert lint_images(images) == []
    odd = [
        Image("wide", noise(4), "yx", spacing=(2.0, 2.0)),
        Image("deep", noise(5).astype(np.uint16) * 100, "yx", spacing=(1.0, 1.0)),
        Image("rgb", noise(shape=(64, 80, 3)), "yxc", spacing=(1.0, 1.0)),
    ]
    found = [(name, issue.code) for name, issue in lint_images([*images, *odd])]
    assert found == [
        ("wide", "pixel-size"), ("deep", "type"), ("deep", "intensity"), ("rgb", "channels")
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["classes", "scribbles"])
def test_a_class_that_validation_lacks(kind: str) -> None:
    def plane(*values: int) -> np.ndarray:
        return np.repeat(np.array(values, np.uint8), 30).reshape(len(values), 30)

    common, rare = plane(1, 2), plane(1, 2, 3)
    images = [Planes.of(f"i{n}", common, 2) for n in range(6)]
    assert lint_together(images, kind) == []  # type: ignore[arg-type]
    [(name, issue)] = lint_together([*images, Planes.of("last", rare, 2)], kind)  # type: ignore[arg-type]
    assert (name, issue.code) == ("last", "not-in-validation")
    found = lint_together([Planes.of("a", rare, 2)], kind, [Planes.of("v", common, 2)])  # type: ignore[arg-type]
    assert [(n, i.code) for n, i in found] == [("v", "not-in-validation")]
    found = lint_together([Planes.of("a", common, 2)], kind, [Planes.of("v", rare, 2)])  # type: ignore[arg-type]
    assert [(n, i.code) for n, i in found] == [("v", "only-in-validation")]


def test_the_same_image_twice() -> None:
    labels = np.ones((4, 4), np.uint8)
    one = Planes.of("a", labels, 2, noise())
    again = Planes.of("b", labels, 2, noise())
    other = Planes.of("c", labels, 2, noise(1))
    [(name, issue)] = lint_together([one, other, again], "objects")
    assert (name, issue.code) == ("b", "same-image")
