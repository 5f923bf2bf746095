"""How a process that computes uses the processor's time and memory. Free of torch."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
KEPT = 2**29
"""Bytes that the C library keeps for the next map when the last one is gone."""
LARGEST_KEPT = 2**25
"""Bytes of the largest map that is kept so: glibc takes no more."""


def make_ready() -> None:
    """Make ready to compute with torch; before it is imported, for it reads some of this then.

    Threads of OpenMP shall sleep, not spin, while they wait for one another: a thread that spins
    keeps the processor from the very one it waits for. With one of two cores kept busy by others, a
    training step takes a third of the time so; with both, a tenth. On an idle machine it costs 5 %.

    Memory shall be kept from map to map, and taken in large pages: on Linux a fresh map of some
    megabytes is zeroed page by page, which took a sixth of a training step (docs/speed.md). What
    the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library than glibc
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT)
            mallopt(_M_TRIM_THRESHOLD, KEPT)
