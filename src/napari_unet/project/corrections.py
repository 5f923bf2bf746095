"""Corrections are tests: what the user put right stays a question to every later prediction.

Beside the journal, which says what was painted, ``corrections.jsonl`` says which of it contradicted
the prediction that was on screen. One JSON object a line, only ever appended: a correction with its
pixels (``strokes.encode``, base64), or the new state of one that is known. Lines that cannot be
read, as the last one after a crash, are left out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.project import strokes
from napari_unet.project.files import disk_error

State = Literal["open", "fixed", "broken"]
FILE = "corrections.jsonl"
SMALLEST = 4
"""Pixels that a correction has at least: fewer are the edge of a stroke."""
FIXED = 0.9
"""Part of its pixels that must be predicted as painted."""
SAME = 0.25
"""Part of the pixels of a correction that make it the same place as an older one."""

Map = npt.NDArray[np.uint8]
"""Class map of a plane; UNLABELLED where nothing is known."""


@dataclass(eq=False)
class Correction:
    """Pixels of one plane that were predicted wrong and painted right.

    ``labels`` is the id of the labels in the project, ``flat`` the sorted places in the flattened
    plane of ``shape``, ``wanted`` the class of each. ``step``: how far training was; ``times``: how
    often the place was corrected; ``right``: which part of it the last prediction had right.
    """

    id: int
    labels: str
    index: tuple[int, ...]
    shape: tuple[int, ...]
    flat: npt.NDArray[np.int64]
    wanted: Map
    step: int = 0
    times: int = 1
    state: State = "open"
    right: float = 0.0

    @property
    def box(self) -> tuple[tuple[int, int], ...]:
        """Bounding box in the plane, ((start, stop), ...)."""
        places = np.unravel_index(self.flat, self.shape)
        return tuple((int(p.min()), int(p.max()) + 1) for p in places)

    def classes(self) -> list[int]:
        """Which classes were painted."""
        return [int(c) for c in np.unique(self.wanted)]

    def to_json(self) -> dict[str, Any]:
        """A line of the file."""
        pixels = base64.b64encode(strokes.encode(self.flat, self.wanted)).decode("ascii")
        return {
            "id": self.id,
            "labels": self.labels,
            "index": list(self.index),
            "shape": list(self.shape),
            "pixels": pixels,
            "step": self.step,
            "times": self.times,
        }

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Correction:
        """The inverse of :meth:`to_json`. Raises ValueError, KeyError or TypeError."""
        shape = tuple(int(n) for n in line["shape"])
        size = int(np.prod(shape, dtype=np.int64))
        flat, wanted = strokes.decode(base64.b64decode(line["pixels"], validate=True), size)
        return cls(
            int(line["id"]),
            str(line["labels"]),
            tuple(int(i) for i in line["index"]),
            shape,
            flat,
            np.array(wanted, np.uint8),
            int(line["step"]),
            int(line["times"]),
        )


@dataclass(frozen=True)
class Summary:
    """How many corrections hold."""

    fixed: int = 0
    broken: int = 0
    open: int = 0

    @property
    def text(self) -> str:
        """One line for a person."""
        if not self.fixed + self.broken + self.open:
            return "No corrections yet: paint over what is predicted wrong."
        parts = [f"{self.fixed} fixed"]
        if self.broken:
            parts.append(f"{self.broken} broken again")
        if self.open:
            parts.append(f"{self.open} not learnt yet")
        return ", ".join(parts) + "."


class Corrections:
    """All corrections of a project. ``path``: the file to keep them in; None keeps none."""

    def __init__(self, path: Path | None = None) -> None:
        self.path: Path | None = None
        self._torn = False
        self._known: dict[int, Correction] = {}
        if path is not None:
            self.move(path)

    def __iter__(self) -> Iterator[Correction]:
        """Broken ones first, then those that are not learnt yet; the newest first of each."""
        order = {"broken": 0, "open": 1, "fixed": 2}
        return iter(sorted(self._known.values(), key=lambda c: (order[c.state], -c.id)))

    def __len__(self) -> int:
        return len(self._known)

    def summary(self) -> Summary:
        """How many hold."""
        states = [c.state for c in self._known.values()]
        return Summary(states.count("fixed"), states.count("broken"), states.count("open"))

    def add(
        self, labels: str, index: tuple[int, ...], painted: Map, predicted: Map, step: int
    ) -> tuple[Correction, State | None] | None:
        """A stroke was made on a plane that was predicted.

        ``painted``: class map, UNLABELLED outside the stroke; ``predicted``: the same shape,
        UNLABELLED where nothing was predicted. Returns the correction and, when the place had been
        corrected before, what had become of it; None when the stroke contradicts nothing.

        Raises
        ------
        UserError
            The disk refuses; the correction is known all the same.
        """
        wrong = (painted != UNLABELLED) & (predicted != UNLABELLED) & (painted != predicted)
        flat = np.flatnonzero(wrong)
        if len(flat) < SMALLEST:
            return None
        wanted = painted.reshape(-1)[flat]
        older = self._same_place(labels, index, painted.shape, flat)
        if older is None:
            number = max(self._known, default=0) + 1
            made = Correction(number, labels, index, painted.shape, flat, wanted, step)
            self._known[number] = made
            self._write(made.to_json())
            return made, None
        became = older.state
        kept = ~np.isin(older.flat, flat)
        flat = np.concatenate((older.flat[kept], flat))
        wanted = np.concatenate((older.wanted[kept], wanted))
        order = np.argsort(flat)
        older.flat, older.wanted = flat[order], wanted[order]
        older.times, older.step, older.state, older.right = older.times + 1, step, "open", 0.0
        self._write(older.to_json())
        return older, became

    def _same_place(
        self,
        labels: str,
        index: tuple[int, ...],
        shape: tuple[int, ...],
        flat: npt.NDArray[np.int64],
    ) -> Correction | None:
        best, share = None, 0.0
        for one in self._known.values():
            if (one.labels, one.index, one.shape) != (labels, index, shape):
                continue
            common = len(np.intersect1d(one.flat, flat, assume_unique=True))
            part = common / min(len(flat), len(one.flat))
            if part >= SAME and part > share:
                best, share = one, part
        return best

    def check(
        self, labels: str, index: tuple[int, ...], painted: Map, predicted: Map
    ) -> list[Correction]:
        """A plane was predicted anew: those of its corrections whose state changed.

        ``painted``: the class map of the labels of now; where they say something else than the
        correction, it does not count any more, and with no pixel left it is forgotten. Corrections
        of which a part was not predicted (UNLABELLED) wait.

        Raises
        ------
        UserError
            The disk refuses; the states are known all the same.
        """
        changed: list[Correction] = []
        for one in list(self._known.values()):
            if (one.labels, one.index, one.shape) != (labels, index, painted.shape):
                continue
            valid = painted.reshape(-1)[one.flat] == one.wanted
            found = predicted.reshape(-1)[one.flat]
            if not valid.any():
                del self._known[one.id]
                self._write({"id": one.id, "state": "gone"})
                changed.append(one)
                continue
            if (found[valid] == UNLABELLED).any():
                continue
            one.right = float((found == one.wanted)[valid].mean())
            before = one.state
            if one.right >= FIXED:
                one.state = "fixed"
            elif before == "fixed":
                one.state = "broken"
            if one.state != before:
                changed.append(one)
                self._write({"id": one.id, "state": one.state, "right": one.right})
        return changed

    # ---------------------------------------------------------------- the file

    def move(self, path: Path | None) -> None:
        """Keep them in another file from now on: that of another project, or of a copy of this one.

        Raises
        ------
        UserError
            The disk refuses.
        """
        if path == self.path:
            return
        first, self.path = self.path is None, path
        if path is None:
            return
        if path.exists():
            self._known, self._torn = _read(path)
        elif not first:
            self._known = {}

    def _write(self, line: dict[str, Any]) -> None:
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(("\n" if self._torn else "") + json.dumps(line) + "\n")
            self._torn = False
        except OSError as error:
            raise disk_error(error, "The list of corrections") from error


def _read(path: Path) -> tuple[dict[int, Correction], bool]:
    """What the file says, and whether its last line was cut off."""
    known: dict[int, Correction] = {}
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise disk_error(error, "The list of corrections") from error
    for line in text.splitlines():
        try:
            fields = json.loads(line)
            number = int(fields["id"])
            if "pixels" in fields:
                known[number] = Correction.from_json(fields)
            elif fields["state"] == "gone":
                known.pop(number, None)
            elif number in known and fields["state"] in ("open", "fixed", "broken"):
                known[number].state = fields["state"]
                known[number].right = float(fields["right"])
        except (ValueError, KeyError, TypeError):
            continue
    return known, bool(text) and not text.endswith("\n")
