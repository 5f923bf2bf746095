"""Pictures of what ``micro.py`` and ``large.py`` have measured, for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from napari_unet.comparison.canvas import BLUE, FAINT, GRID, RED, Axis, Sheet, axis_over

OTHERS = "#9aa4b0"
NAMES = {
    "ours": "napari-unet",
    "plain": "PyTorch, float32",
    "sliding window, live network": "the same network, sliding window, float32",
    "sliding window, BasicUNet": "MONAI BasicUNet, sliding window, float32",
}


@dataclass(frozen=True)
class Group:
    """One part of ``micro.json``. The goal is ``goal`` seconds, or ``goal`` of what ``of`` took."""

    part: str
    title: str
    goal: float = 0.0
    of: str = ""

    def goal_seconds(self, figures: dict[str, Any]) -> float:
        return self.goal * (figures[self.of]["seconds"] if self.of else 1.0)


STEPS = (
    Group("live_prediction", "live network, prediction of 512 x 512 pixels", 0.05),
    Group("paper_prediction", "U-Net 2015, prediction, 700 to 516 pixels a side", 0.65),
    Group("paper_step", "U-Net 2015, training step, 572 to 388 pixels a side", 1 / 3.5, "plain"),
    Group(
        "large_plane",
        "live network, prediction of 4096 x 4096 pixels",
        1 / 8,
        "sliding window, BasicUNet",
    ),
)
LEFT, WIDTH, BAR = 290.0, 760.0, 24.0


def steps(results: dict[str, Any]) -> Image.Image:
    """Seconds on the clock as bars, each group on a scale of its own; dashed: the goal."""
    groups = [group for group in STEPS if group.part in results]
    lines = sum(len(_timed(results[group.part])) for group in groups)
    sheet = Sheet(WIDTH, lines * BAR + len(groups) * 44 + 30)
    top = 8.0
    for group in groups:
        figures = results[group.part]
        sheet.text(16, top + 14, group.title, size=13)
        top = _bars(sheet, _timed(figures), group.goal_seconds(figures), top + 28) + 16
    sheet.text(
        16,
        top + 12,
        "Seconds on the clock, medians (sliding windows: once). Each group has its own scale. "
        "Dashed: the goal.",
        size=11,
        colour=FAINT,
    )
    return sheet.picture()


def _timed(figures: dict[str, Any]) -> list[tuple[str, float]]:
    """What was timed, ours first."""
    found = [(name, figures[name]["seconds"]) for name in NAMES if name in figures]
    return sorted(found, key=lambda one: one[1])


def _bars(sheet: Sheet, timed: Sequence[tuple[str, float]], goal: float, top: float) -> float:
    """Draw a group; returns where it ends."""
    scale = Axis(0, max(seconds for _, seconds in timed), LEFT, WIDTH - 70)
    bottom, aim = top + BAR * len(timed), scale.place(goal)
    sheet.line([(LEFT, top), (LEFT, bottom)], GRID)
    for number, (name, seconds) in enumerate(timed):
        y = top + BAR * (number + 0.5)
        end = scale.place(seconds)
        sheet.text(LEFT - 8, y, NAMES[name], size=12, anchor="rm")
        sheet.line([(LEFT, y), (end, y)], BLUE if name == "ours" else OTHERS, BAR - 8)
        text = f"{seconds:.2f} s" if seconds >= 1 else f"{seconds:.3f} s"
        crossed = end + 6 < aim < end + 60  # where the number would stand
        sheet.text((aim if crossed else end) + 6, y, text, size=12)
    sheet.dashed(aim, top, bottom, RED)
    return bottom


def large(results: dict[str, Any]) -> Image.Image:
    """Seconds and memory against the size of the image, both axes logarithmic for the seconds."""
    rows = results["rows"]
    sheet = Sheet(WIDTH, 320)
    sizes = [row["megapixels"] for row in rows]
    seconds = [row["seconds"] for row in rows]
    across = axis_over(sizes, 62, 372, log=True)
    last = sizes[-1] / sizes[0] * seconds[0]
    upright = axis_over([*seconds, last], 268, 44, log=True)
    sheet.text(62, 22, "seconds, from zarr to zarr", size=13)
    sheet.grid(across, upright)
    sheet.line(_placed(across, upright, [sizes[0], sizes[-1]], [seconds[0], last]), OTHERS, 1.2)
    sheet.text(
        across.stop, 250, "grey: in proportion to the smallest", size=11, colour=FAINT, anchor="rm"
    )
    _curve(sheet, _placed(across, upright, sizes, seconds))
    for (x, y), value in zip(_placed(across, upright, sizes, seconds), seconds, strict=True):
        sheet.text(x + 8, y + 9, f"{value:.1f}", size=11)
    memory = [row["more_memory_mib"] for row in rows]
    across = axis_over(sizes, 442, 742, log=True)
    upright = axis_over([0, *memory, 2048], 268, 44)
    sheet.text(442, 22, "MiB more than the idle process", size=13)
    sheet.grid(across, upright)
    y = upright.place(2048)
    sheet.line([(across.start, y), (across.stop, y)], RED)
    sheet.text(across.stop, y + 12, "the goal: at most 2 GiB", size=11, colour=FAINT, anchor="rm")
    _curve(sheet, _placed(across, upright, sizes, memory))
    for (x, y), value in zip(_placed(across, upright, sizes, memory), memory, strict=True):
        sheet.text(x, y - 13, str(value), size=11, anchor="mm")
    for middle in (217, 592):
        sheet.text(middle, 306, "megapixels", size=11, colour=FAINT, anchor="mm")
    return sheet.picture()


def _placed(
    across: Axis, upright: Axis, x: Sequence[float], y: Sequence[float]
) -> list[tuple[float, float]]:
    return [(across.place(a), upright.place(b)) for a, b in zip(x, y, strict=True)]


def _curve(sheet: Sheet, points: Sequence[tuple[float, float]]) -> None:
    sheet.line(points, BLUE, 2.0)
    for x, y in points:
        sheet.dot(x, y, 3.5, BLUE)
