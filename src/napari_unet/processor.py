"""How a process that computes uses the processor's time and memory. Free of torch."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
SPINS = "1000"
"""Looks at whether there is work before a thread sleeps; some microseconds (GNU's OpenMP)."""
KEPT = 2**29
"""Bytes that the C library keeps for the next map when the last one is gone."""
LARGEST_KEPT = 2**25
"""Bytes of the largest map that is kept so: glibc takes no more."""


def make_ready() -> None:
    """Make ready to compute with torch; before it is imported, for it reads some of this then.

    Threads of OpenMP shall not spin for long while they wait for one another: a thread that spins
    keeps the processor from the very one it waits for. With one of two cores kept busy by others, a
    training step takes a third of the time so; with both, a tenth. But they shall not sleep at once
    either: some thousand times in a step the next piece of work comes within microseconds.

    Memory shall be kept from map to map, and taken in large pages: on Linux a fresh map of some
    megabytes is zeroed page by page, which took a sixth of a training step (docs/speed.md). What
    the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library than glibc
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT)
            mallopt(_M_TRIM_THRESHOLD, KEPT)
