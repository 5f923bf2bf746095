"""Images that cannot be learnt from, or that are not like those a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from napari_unet.images.axes import Index
from napari_unet.images.image import Image
from napari_unet.images.normalise import AGREEMENT, Constants, percentiles
from napari_unet.preflight.issue import Issue, Place

T = TypeVar("T")

SATURATED = 0.01
"""Part of the pixels at the greatest value from which an image counts as saturated."""
PLANES = 16
"""Planes of an image, at most, that are looked at."""
SPACING = 0.15
"""Relative difference of pixel sizes that a network hardly notices: it learns zooms up to 20 %."""
SMALLEST = 32
"""Side in pixels below which an image holds hardly anything to learn."""


@dataclass(frozen=True)
class Expected:
    """What a model was trained on. ``low`` and ``high`` by channel, None where each image has its
    own; ``spacing`` by spatial axis."""

    channels: int
    dims: int
    low: Constants | None = None
    high: Constants | None = None
    spacing: tuple[float, ...] | None = None


def lint_image(image: Image, expected: Expected | None = None) -> list[Issue]:
    """What is wrong with one image, and how it differs from those that a model knows.

    Of a long stack ``PLANES`` planes, evenly spread, are looked at.

    Raises
    ------
    UserError
        The file behind the image can no longer be read.
    """
    issues: list[Issue] = []
    positions = list(image.indices())
    chosen = positions[:: max(1, -(-len(positions) // PLANES))]
    constant, missing, full = [], 0, []
    for index in chosen:
        pixels = image.read(index)
        if pixels.dtype.kind == "f":
            missing += int((~np.isfinite(pixels)).sum())
        for channel in range(image.channels):
            plane = pixels[channel]
            known = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane.ravel()
            if not known.size or known.min() == known.max():
                constant.append((index, channel))
            elif (part := _saturated(known)) > SATURATED:
                full.append((index, channel, part))
    whole = tuple((0, n) for n in image.spatial_shape)
    if missing:
        text = f"{missing} pixels are no numbers (NaN) or infinite; they count as middle grey."
        issues.append(Issue("warning", "not-a-number", text))
    if constant:
        everything = len(constant) == len(chosen) * image.channels
        where = "The image" if everything else _where(image, constant[0][0], constant[0][1])
        text = f"{where} is constant: there is nothing to learn from."
        if not everything and len(constant) > 1:
            text = f"{where} and {len(constant) - 1} more are constant: nothing to learn from."
        level = "error" if everything else "warning"
        places = tuple(Place(i, whole) for i, _ in constant[:20])
        issues.append(Issue(level, "constant", text, places))  # type: ignore[arg-type]
    if full:
        index, channel, part = max(full, key=lambda f: f[2])
        text = (
            f"{_where(image, index, channel)} is saturated: {part:.0%} of its pixels have the "
            "greatest value. What lies above it is lost; expose shorter."
        )
        issues.append(Issue("warning", "saturated", text, (Place(index, whole),)))
    if min(image.spatial_shape[-2:]) < SMALLEST:
        text = f"The image is only {' x '.join(map(str, image.spatial_shape))} pixels small."
        issues.append(Issue("note", "small", text))
    if expected is not None:
        issues += _compared(image, expected)
    return issues


def lint_images(images: Sequence[Image]) -> list[tuple[str, Issue]]:
    """(name, issue): images that do not fit the others of the same training."""
    issues: list[tuple[str, Issue]] = []
    if len(images) < 2:
        return issues
    channels = _most([i.channels for i in images])
    types = _most([np.dtype(i.data.dtype).newbyteorder("=").name for i in images])
    spacings = _most([i.spacing for i in images])
    alike = [i for i in images if i.channels == channels]
    ends = np.array([percentiles(i) for i in alike])
    low, high = np.median(ends, axis=0)
    for image in images:
        name = image.name
        if image.channels != channels:
            text = f"It has {image.channels} channel(s), the others have {channels}."
            issues.append((name, Issue("error", "channels", text)))
            continue
        kind = np.dtype(image.data.dtype).newbyteorder("=").name
        if kind != types:
            text = f"Its pixels are {kind}, those of most others {types}: is it from elsewhere?"
            issues.append((name, Issue("note", "type", text)))
        if spacings is not None and image.spacing is not None:
            text = _spacing(image.spacing, spacings, "most others")
            if text:
                issues.append((name, Issue("warning", "pixel-size", text)))
        text = _range(image, tuple(low), tuple(high), "most others", 2 * AGREEMENT)
        if text:
            issues.append((name, Issue("note", "intensity", text)))
    return issues


def _compared(image: Image, expected: Expected) -> list[Issue]:
    issues = []
    if image.channels != expected.channels:
        text = f"It has {image.channels} channel(s), the model was trained on {expected.channels}."
        return [Issue("error", "channels", text)]
    if expected.spacing is not None and image.spacing is not None:
        text = _spacing(image.spacing, expected.spacing, "those in training")
        if text:
            issues.append(Issue("warning", "pixel-size", text))
    if expected.low is not None and expected.high is not None:
        text = _range(image, expected.low, expected.high, "those in training", AGREEMENT)
        if text:
            issues.append(Issue("warning", "intensity", text))
    return issues


def _spacing(own: tuple[float, ...], other: tuple[float, ...], whose: str) -> str:
    count = min(len(own), len(other), 2)
    factors = [a / b for a, b in zip(own[-count:], other[-count:], strict=True)]
    if all(abs(f - 1) <= SPACING for f in factors):
        return ""
    return (
        f"Its pixels are {own[-1]:.3g} wide, {whose} {other[-1]:.3g}: things look "
        f"{max(factors[-1], 1 / factors[-1]):.2g} times "
        f"{'smaller' if factors[-1] > 1 else 'larger'}. Resize by {factors[-1]:.3g}, or correct "
        "the pixel size."
    )


def _range(image: Image, low: Constants, high: Constants, whose: str, limit: float) -> str:
    own = percentiles(image)
    for channel, (a, b, c, d) in enumerate(zip(*own, low, high, strict=True)):
        span = d - c
        if span <= 0 or max(abs(a - c), abs(b - d)) <= limit * span:
            continue
        which = f" of channel {channel}" if len(low) > 1 else ""
        return (
            f"The intensities{which} go from {a:.4g} to {b:.4g} (percentiles 1 and 99), of {whose} "
            f"from {c:.4g} to {d:.4g}."
        )
    return ""


def _saturated(pixels: npt.NDArray[np.generic]) -> float:
    """Part of the pixels at the greatest value, where that stands out from those below it."""
    top = pixels.max()
    part = float((pixels == top).mean())
    if len(np.unique(pixels[:: max(1, pixels.size // 4096)])) <= 8:
        return 0.0  # drawn, or a mask
    if pixels.dtype.kind == "f":
        return part
    # Where values are few, the top may hold many pixels: compare it with the steps below it.
    below = [float((pixels == top - step).mean()) for step in (1, 2, 3) if top >= step]
    return part if part > 3 * max(below, default=0.0) else 0.0


def _where(image: Image, index: Index, channel: int) -> str:
    parts = []
    if index:
        named = zip(image.leading_axes, index, strict=True)
        parts.append("plane " + ", ".join(f"{a} = {i}" for a, i in named))
    if image.channels > 1:
        parts.append(f"channel {channel}")
    text = " of ".join(reversed(parts)) or "the image"
    return text[0].upper() + text[1:]


def _most(values: Sequence[T]) -> T:
    """The most frequent value; the first of them where several are."""
    return max(values, key=list(values).count)
