"""Log files of engine processes: a few are kept, for reports of faults. Free of torch."""

from __future__ import annotations

import os
import time
from pathlib import Path

import platformdirs

from napari_unet.errors import UserError

KEPT = 10


def new_log(folder: Path | str | None = None) -> Path:
    """A new log file in ``folder`` (None: the user's log directory); the oldest ones are removed.

    Raises :class:`UserError` when the folder cannot be written.
    """
    if folder is None:
        folder = platformdirs.user_log_dir("napari-unet-live", appauthor=False)
    folder = Path(folder)
    stem = time.strftime(f"engine-%Y%m%d-%H%M%S-{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("engine-*.log"))[: -KEPT + 1]:
            try:
                old.unlink(missing_ok=True)
            except PermissionError:  # Windows: another session still writes it.
                continue
        taken = len(list(folder.glob(f"{stem}*.log")))
        path = folder / f"{stem}-{taken}.log"
        path.touch()
    except OSError as error:
        raise UserError(
            f"The log folder {folder} cannot be written ({error.strerror}): free some space or "
            "make it writable."
        ) from error
    return path


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a text file, '' where it is gone."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 20_000))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
