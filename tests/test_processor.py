"""What a process that computes asks of the system, seen in a fresh one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from napari_unet.processor import SPINS

SCRIPT = """
import json, os, sys
from napari_unet.processor import make_ready
make_ready()
make_ready()
names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE")
print(json.dumps([[os.environ.get(name) for name in names], "torch" in sys.modules]))
"""


def ready(**given: str) -> Any:
    ours = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE")
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment | given, capture_output=True, check=True
    )
    return json.loads(done.stdout)


def test_threads_sleep_soon_and_memory_is_kept() -> None:
    assert ready() == [["PASSIVE", SPINS, "1"], False]


def test_what_the_user_has_set_stays() -> None:
    given = {"OMP_WAIT_POLICY": "ACTIVE", "THP_MEM_ALLOC_ENABLE": "0"}
    assert ready(**given) == [["ACTIVE", None, "0"], False]
    assert ready(GOMP_SPINCOUNT="7") == [["PASSIVE", "7", "1"], False]


KEEPING = """
import ctypes, os, sys
import psutil
sys.argv[1] == "ready" and __import__("napari_unet.processor").processor.make_ready()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = 2**24
block = libc.malloc(size)
ctypes.memset(block, 1, size)
libc.free(block)
kept = psutil.Process().memory_info().rss
libc.malloc_trim(0)
print(kept - psutil.Process().memory_info().rss > size // 2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the C library has no such settings")
@pytest.mark.parametrize("how", ["ready", "as usual"])
def test_a_map_that_is_gone_leaves_its_memory_until_it_is_given_back(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEEPING, how], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(how == "ready")
