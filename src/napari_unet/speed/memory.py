"""What was measured on this machine: a small JSON file in the user's cache folder. Free of torch.

It is a convenience: a file that is missing, damaged, foreign or not writable means that nothing was
measured, never a failure.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

VARIABLE = "NAPARI_UNET_SPEED"
"""Environment variable: the file to use instead, or ``off`` to neither read nor measure."""
VERSION = 3
KEPT = 100
"""Entries; the oldest are forgotten."""
LARGEST = 2**20
"""Bytes of a file that can be ours."""


def switched_off() -> bool:
    """Whether the user wants nothing to be measured."""
    return os.environ.get(VARIABLE, "").lower() == "off"


def path() -> Path:
    """Where it is kept."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given)
    return Path(platformdirs.user_cache_dir("napari-unet-live", appauthor=False)) / "speed.json"


def recall(key: str) -> dict[str, Any] | None:
    """The entry of ``key``, if there is one."""
    if switched_off():
        return None
    return _entries().get(key)


def remember(key: str, entry: dict[str, Any]) -> None:
    """Keep ``entry``, JSON-able, under ``key`` in place of an older one."""
    if switched_off():
        return
    entries = _entries()
    entries.pop(key, None)
    entries[key] = entry
    kept = dict(list(entries.items())[-KEPT:])
    text = json.dumps({"version": VERSION, "entries": kept}, indent=1)
    target = path()
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: two engines may write at once, the last one wins.
        handle, name = tempfile.mkstemp(prefix=".speed-", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _entries() -> dict[str, dict[str, Any]]:
    try:
        if path().stat().st_size > LARGEST:
            return {}
        content = json.loads(path().read_text("utf-8"))
        if content["version"] != VERSION:
            return {}
        return {str(k): v for k, v in content["entries"].items() if isinstance(v, dict)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
