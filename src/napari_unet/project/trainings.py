"""What each training reached with the labels it had: ``trainings.jsonl`` of a project.

One JSON object a line, only ever appended; of lines with one id the last counts. Lines that cannot
be read, as the last one after a crash, are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_unet.forecast.points import TrainingRecord
from napari_unet.project.files import disk_error

FILE = "trainings.jsonl"


class Trainings:
    """All records of a project. ``path``: the file to keep them in; None keeps none.

    Raises
    ------
    UserError
        The disk refuses; what was added is known all the same.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path: Path | None = None
        self._torn = False
        self._known: dict[str, TrainingRecord] = {}
        if path is not None:
            self.move(path)

    def __iter__(self) -> Iterator[TrainingRecord]:
        return iter(self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    def move(self, path: Path) -> None:
        """Keep them there from now on: what lies there is read, what is known is added to it.

        Only what was known before there was any file; another project knows nothing of this one.
        """
        if path == self.path:
            return
        waiting = list(self._known.values()) if self.path is None else []
        self.path, self._known, self._torn = path, {}, False
        if path.exists():
            self._read(path)
        self.add(waiting)

    def add(self, records: Iterable[TrainingRecord]) -> None:
        """Remember what is new or other than before."""
        new = [one for one in records if self._known.get(one.id) != one]
        self._known.update((one.id, one) for one in new)
        if not new or self.path is None:
            return
        lines = "".join(json.dumps(one.to_json()) + "\n" for one in new)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(("\n" if self._torn else "") + lines)
            self._torn = False
        except OSError as error:
            raise disk_error(error, "The list of trainings") from error

    def _read(self, path: Path) -> None:
        try:
            text = path.read_text("utf-8", errors="replace")
        except OSError as error:
            raise disk_error(error, "The list of trainings") from error
        for line in text.splitlines():
            try:
                record = TrainingRecord.from_json(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue
            self._known[record.id] = record
        self._torn = bool(text) and not text.endswith("\n")
