"""The picture that a demo leaves: what was painted, what came out, and how it compares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from skimage.measure import find_contours

from napari_unet.samples import Coins

SCALE = 2
_MARGIN = 24
_HEAD = 52
_FOOT = 132
_PAPER = (18, 20, 24)
_INK = (236, 238, 242)
_FAINT = (150, 156, 166)
_TRUTH = (255, 255, 255)


def demo_picture(
    sample: Coins, probability: npt.NDArray[np.float32], scores: dict[str, Any]
) -> Image.Image:
    """Two views of the photograph side by side with a caption below, as an RGB image."""
    height, width = (n * SCALE for n in sample.image.shape)
    page = Image.new("RGB", (2 * width + 3 * _MARGIN, _HEAD + height + _FOOT), _PAPER)
    left, right = _MARGIN, 2 * _MARGIN + width
    page.paste(_painted(sample), (left, _HEAD))
    page.paste(_predicted(sample, probability), (right, _HEAD))
    draw = ImageDraw.Draw(page)
    draw.text((left, _HEAD - 14), "Painted by hand", _INK, _font(24), anchor="ls")
    draw.text(
        (right, _HEAD - 14),
        f"Predicted after {scores['seconds']:.0f} s of training",
        _INK,
        _font(24),
        anchor="ls",
    )
    _caption(draw, sample, scores, (left, _HEAD + height + 20), page.width - 2 * _MARGIN)
    return page


def _photograph(sample: Coins) -> Image.Image:
    height, width = sample.image.shape
    picture = Image.fromarray(sample.image).resize(
        (width * SCALE, height * SCALE), Image.Resampling.LANCZOS
    )
    return picture.convert("RGB")


def _painted(sample: Coins) -> Image.Image:
    """The photograph with its strokes; what is scored later is veiled."""
    picture = _photograph(sample)
    draw = ImageDraw.Draw(picture, "RGBA")
    for stroke in sample.strokes:
        colour = sample.classes[stroke.value - 1].color
        points = [(x * SCALE, y * SCALE) for x, y in stroke.points]
        width = round(stroke.width * SCALE)
        draw.line(points, colour, width, joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), colour)
    top = sample.scored_rows[0] * SCALE
    draw.rectangle((0, top, picture.width, picture.height), (*_PAPER, 150))
    draw.line((0, top, picture.width, top), _FAINT, 1)
    draw.text((12, top + 10), "scored part, nothing painted here", _INK, _font(18), anchor="la")
    return picture


def _predicted(sample: Coins, probability: npt.NDArray[np.float32]) -> Image.Image:
    """The photograph tinted by the predicted classes, with predicted and true outlines."""
    picture = _photograph(sample)
    for number in range(1, len(probability)):
        likely = Image.fromarray(probability[number]).resize(
            picture.size, Image.Resampling.BILINEAR
        )
        tint = Image.new("RGB", picture.size, sample.classes[number].color)
        mask = Image.fromarray(np.where(np.asarray(likely) > 0.5, 70, 0).astype(np.uint8))
        picture.paste(tint, mask=mask)
    draw = ImageDraw.Draw(picture)
    for number in range(1, len(probability)):
        # Pixel centres have whole coordinates in find_contours.
        for contour in find_contours(probability[number], 0.5):
            points = [((x + 0.5) * SCALE, (y + 0.5) * SCALE) for y, x in contour]
            draw.line(points, sample.classes[number].color, 3, joint="curve")
    for outline in sample.outlines:
        _dashed(draw, outline * SCALE)
    top = sample.scored_rows[0] * SCALE
    draw.line((0, top, picture.width, top), _FAINT, 1)
    return picture


def _dashed(draw: ImageDraw.ImageDraw, points: npt.NDArray[np.float64]) -> None:
    """A closed dashed line of even dashes through ``points`` (x, y)."""
    closed = np.vstack([points, points[:1]])
    walked = np.concatenate(([0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))))
    dashes = max(4, round(walked[-1] / 11))
    step = walked[-1] / dashes
    for dash in range(dashes):
        at = np.linspace(dash * step, (dash + 0.5) * step, 4)
        x, y = (np.interp(at, walked, closed[:, axis]) for axis in (0, 1))
        draw.line(list(zip(x, y, strict=True)), _TRUTH, 2)


def _caption(
    draw: ImageDraw.ImageDraw,
    sample: Coins,
    scores: dict[str, Any],
    corner: tuple[int, int],
    width: int,
) -> None:
    """Figures in a row, and below what the lines mean."""
    x, y = corner
    figures = [
        ("IoU", _number(scores["iou"])),
        ("Dice", _number(scores["dice"])),
        ("pixel error", f"{100 * scores['pixel_error']:.1f} %"),
        ("object AP at IoU 0.5", _number(scores["ap50"])),
        ("coins found", f"{scores['objects_found']} of {len(sample.outlines)}"),
        (
            "strokes",
            f"{scores['strokes']} ({100 * scores['painted_fraction']:.1f} % of the pixels)",
        ),
    ]
    column = 0
    for name, value in figures:
        draw.text((x + column, y), value, _INK, _font(28), anchor="la")
        draw.text((x + column, y + 36), name, _FAINT, _font(17), anchor="la")
        wide = max(draw.textlength(value, _font(28)), draw.textlength(name, _font(17)))
        column += int(wide) + 44
    y += 78
    names = [(c.color, f"stroke: {c.name}") for c in sample.classes]
    names += [
        (sample.classes[1].color, "predicted outline"),
        ("#ffffff", "outline drawn by hand (never trained on)"),
    ]
    column = 0
    for number, (colour, text) in enumerate(names):
        dashed = number == len(names) - 1
        thick = 8 if number < len(sample.classes) else 3
        for start in (0, 12, 24) if dashed else (0,):
            end = start + 6 if dashed else 30
            draw.line((x + column + start, y + 9, x + column + end, y + 9), colour, thick)
        draw.text((x + column + 40, y), text, _INK, _font(17), anchor="la")
        column += int(draw.textlength(text, _font(17))) + 76


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
