"""Locks of files: what a file system without locks does."""

from __future__ import annotations

import errno
import sys

import pytest

from napari_unet import locks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="flock")


@pytest.mark.parametrize(("code", "allowed"), [(errno.EAGAIN, False), (errno.ENOLCK, True)])
def test_a_file_system_without_locks_lets_everybody_in(
    monkeypatch: pytest.MonkeyPatch, code: int, allowed: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert locks.take(0) is allowed
