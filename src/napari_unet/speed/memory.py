"""What was measured on this machine: a small JSON file in the user's cache folder. Free of torch.

It is a convenience: a file that is missing, damaged or foreign means that nothing was measured, and
one that cannot be written that it is known in this process only; never a failure.
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
VERSION = 4
KEPT = 100
"""Entries; the oldest are forgotten."""
LARGEST = 2**20
"""Bytes of a file that can be ours."""

_unwritten: dict[Path, dict[str, dict[str, Any]]] = {}
"""By file, what it could not take: a folder of images is not measured anew for each of them."""


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
    return _unwritten.get(path(), {}).get(key) or _entries().get(key)


def remember(key: str, entry: dict[str, Any]) -> None:
    """Keep ``entry``, JSON-able, under ``key`` in place of an older one."""
    if switched_off():
        return
    target = path()
    entries = _entries() | _unwritten.get(target, {})
    entries.pop(key, None)
    entries[key] = entry
    kept = dict(list(entries.items())[-KEPT:])
    text = json.dumps({"version": VERSION, "entries": kept}, indent=1)
    _unwritten.setdefault(target, {})[key] = entry
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
        del _unwritten[target]


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
