"""How much memory this process may use: that of the machine, or less in a container or batch job.

Containers and the jobs of a cluster are held to a limit by control groups of Linux. The machine
still shows all of its memory there, and who takes more than the limit is killed without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path("/")


@dataclass(frozen=True)
class _Kind:
    """Where one version of control groups keeps what: files of a group, lines of its statistics."""

    root: str
    limit: str
    used: str
    cache: tuple[str, ...]


# The first stands in lines "0::/group" of /proc/self/cgroup, the second in "4:memory:/group".
_UNIFIED = _Kind("sys/fs/cgroup", "memory.max", "memory.current", ("active_file", "inactive_file"))
_OLDER = _Kind(
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_active_file", "total_inactive_file"),
)


def available_memory(root: Path = ROOT) -> int:
    """Bytes that are free for this process; ``root``: where the files of the system begin."""
    left = [limit - used for limit, used in _groups(root)]
    return max(0, min([int(psutil.virtual_memory().available), *left]))


def total_memory(root: Path = ROOT) -> int:
    """Bytes that this process could have if no other took any; ``root``: as above."""
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _groups(root))])


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and bytes in use of each group that this process is in and that has a limit."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if number == "0" and not controllers:
            kind = _UNIFIED
        elif "memory" in controllers.split(","):
            kind = _OLDER
        else:
            continue
        top = root / kind.root
        group = top / name.lstrip("/")
        # A container may see its own group as the top, under a name that only the host knows.
        while group != top and not group.is_dir():
            group = group.parent
        for folder in (group, *group.parents):
            if (found := _read(folder, kind)) is not None:
                yield found
            if folder == top:
                break


def _read(folder: Path, kind: _Kind) -> tuple[int, int] | None:
    limit, used = (_text(folder / name).strip() for name in (kind.limit, kind.used))
    if not (limit.isdecimal() and used.isdecimal()):  # "max", or no such file
        return None
    # Files that were read count as used, but give way.
    pairs = (line.split() for line in _text(folder / "memory.stat").splitlines())
    found = dict(pair for pair in pairs if len(pair) == 2 and pair[1].isdecimal())
    cache = sum(int(found.get(name, 0)) for name in kind.cache)
    return int(limit), max(0, int(used) - cache)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
