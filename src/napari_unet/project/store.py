"""The pixels of one labels array on disk: a snapshot and the journals after it.

Generations make compaction safe at every moment. Snapshot *g* holds everything of the journals
before *g*; labels = newest snapshot (zeros when there is none) + all journals of its generation and
later, in order. Compaction (1) begins journal g+1, (2) writes snapshot g+1 from what lies before
it, by one atomic rename, (3) deletes what is older. A crash after (1) leaves an older snapshot with
two journals, after (2) files that are older than the newest snapshot and are not read: nothing is
lost or counted twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

import numpy as np
import numpy.typing as npt

from napari_unet.project import strokes
from napari_unet.project.files import atomic, disk_error, remove_leftovers
from napari_unet.project.journal import Journal, Reader
from napari_unet.project.snapshot import (
    LabelArray,
    check_memory,
    read_header,
    read_snapshot,
    write_snapshot,
)

COMPACT_BYTES = 32 * 2**20
"""A journal longer than this is worth a new snapshot."""

_MOST_PIXELS = 2**24
"""Pixels in one record; a larger change becomes several."""

_NAME = re.compile(r"^(snapshot|journal)-(\d{6})(?:\.npz)?$")


class LabelStore:
    """Opened labels, for any thread; recording never waits for compaction."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: str, name: str) -> None:
        """Open ``folder``, or make it. A snapshot there overrules ``shape`` and ``dtype``.

        ``take_notes`` tells of damage. Raises UserError when the snapshot is unreadable.
        """
        self.folder = folder
        self.name = name
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.notes: list[str] = []
        self._recording = RLock()
        self._compacting = RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            self._open()
        except OSError as error:
            raise disk_error(error, f"The labels {name}") from error

    def _open(self) -> None:
        files = self._files()
        self._base = max(files["snapshot"], default=0)
        if self._base:
            self.shape, self.dtype = read_header(self._snapshot(self._base), self.name)
        check_memory(self.shape, self.dtype, self.name)
        self._remove_older_than(self._base)
        journals = sorted(g for g in files["journal"] if g >= self._base) or [self._base]
        self._sequence = 0
        end = 0
        for generation in journals:
            end = self._check_journal(generation)
        self._journal = Journal(self._journal_path(journals[-1]), journals[-1], end)

    def _check_journal(self, generation: int) -> int:
        """Bytes of the journal that are good; a damaged rest is put aside and reported."""
        path = self._journal_path(generation)
        if not path.exists():
            return 0
        reader = Reader(path, generation)
        for sequence, _ in reader:
            self._sequence = max(self._sequence, sequence)
        if reader.problem == "damaged":
            aside = path.with_name(f"{path.name}.damaged")
            aside.write_bytes(path.read_bytes())
            self.notes.append(
                f"The journal of the labels {self.name} is damaged: what was painted before the "
                "damage is there, later strokes may be missing. The damaged file is kept as "
                f"{aside}."
            )
        if reader.problem:
            with path.open("r+b") as file:
                file.truncate(reader.end)
        return reader.end

    # ---------------------------------------------------------------- writing

    def record(self, flat: strokes.Ints, values: npt.ArrayLike) -> None:
        """Append one stroke: sorted, unique flat indices and the values they took.

        Raises UserError when the disk is full; the stroke is kept and written before the next one.
        """
        values = np.broadcast_to(np.asarray(values).astype(self.dtype, copy=False), flat.shape)
        payloads = [
            strokes.encode(flat[i : i + _MOST_PIXELS], values[i : i + _MOST_PIXELS])
            for i in range(0, len(flat), _MOST_PIXELS)
        ]
        with self._recording:
            problem: OSError | None = None
            for payload in payloads:
                self._sequence += 1
                try:
                    self._journal.append(self._sequence, payload)
                except OSError as error:
                    problem = error
            if problem is not None:
                raise disk_error(problem, "Your last stroke") from problem

    @property
    def journal_bytes(self) -> int:
        """Length of the journal."""
        return self._journal.size

    def sync(self) -> None:
        """Wait until the disk has all strokes. Raises OSError."""
        self._journal.sync()

    def compact(self) -> None:
        """Write a new snapshot and begin a new journal. Raises UserError when the disk refuses."""
        with self._compacting:
            try:
                generation = self._begin_journal()
                self._write_snapshot(generation, self._replay(before=generation))
            except OSError as error:
                raise disk_error(error, f"The labels {self.name}") from error

    def replace(self, array: LabelArray) -> None:
        """A wholly new array, perhaps of another shape and dtype. Raises UserError."""
        with self._compacting, self._recording:
            try:
                self._write_snapshot(self._begin_journal(), array)
            except OSError as error:
                raise disk_error(error, f"The labels {self.name}") from error

    def _begin_journal(self) -> int:
        """Close the journal in use and begin the next one; its generation."""
        with self._recording:
            generation = self._journal.generation + 1
            self._journal.flush()
            following = Journal(self._journal_path(generation), generation)
            self._journal.close()
            self._journal = following
            return generation

    def _write_snapshot(self, generation: int, array: LabelArray) -> None:
        with atomic(self._snapshot(generation)) as file:
            write_snapshot(file, array)
        self._base = generation
        self.shape, self.dtype = array.shape, array.dtype
        self._remove_older_than(generation)

    def _remove_older_than(self, generation: int) -> None:
        for kind, generations in self._files().items():
            for old in generations:
                if old < generation:
                    path = self._snapshot(old) if kind == "snapshot" else self._journal_path(old)
                    with suppress(OSError):
                        path.unlink()

    def close(self) -> None:
        """Write and sync what is pending. Raises UserError when the disk refuses."""
        with self._compacting, self._recording:
            try:
                self._journal.close()
            except OSError as error:
                raise disk_error(error, f"The labels {self.name}") from error

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the files as they are while the block runs; recording waits."""
        with self._compacting, self._recording:
            with suppress(OSError):
                self._journal.flush()
            yield

    # ---------------------------------------------------------------- reading

    def take_notes(self) -> list[str]:
        """Sentences about damage since the last call."""
        notes, self.notes = self.notes, []
        return notes

    def read(self) -> LabelArray:
        """The array that all strokes made. Raises UserError when the snapshot is unreadable."""
        with self.paused():
            return self._replay(before=None)

    def _replay(self, before: int | None) -> LabelArray:
        """Newest snapshot and the journals after it, up to generation ``before``."""
        array = (
            read_snapshot(self._snapshot(self._base), self.name)
            if self._base
            else np.zeros(self.shape, self.dtype)
        )
        flat_view = array.reshape(-1)
        for generation in sorted(self._files()["journal"]):
            if generation < self._base or (before is not None and generation >= before):
                continue
            for _, payload in Reader(self._journal_path(generation), generation):
                try:
                    flat, values = strokes.decode(payload, array.size)
                except strokes.BadStrokeError:
                    self.notes.append(
                        f"A stroke in the journal of the labels {self.name} does not fit them "
                        "and was left out."
                    )
                    continue
                flat_view[flat] = values.astype(array.dtype, copy=False)
        return array

    # ---------------------------------------------------------------- names

    def _files(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {"snapshot": [], "journal": []}
        for path in self.folder.iterdir():
            if match := _NAME.match(path.name):
                found[match[1]].append(int(match[2]))
        return found

    def _snapshot(self, generation: int) -> Path:
        return self.folder / f"snapshot-{generation:06d}.npz"

    def _journal_path(self, generation: int) -> Path:
        return self.folder / f"journal-{generation:06d}"
