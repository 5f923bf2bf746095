"""Waiting for what a session does in the background."""

from __future__ import annotations

import time
from collections.abc import Callable

from napari_unet.plugin.session import Session


def ticks(session: Session, until: Callable[[], bool]) -> None:
    """Let the session work until that is so, for ten seconds at most."""
    end = time.monotonic() + 10
    while not until() and time.monotonic() < end:
        session.tick()
        time.sleep(0.01)
    assert until()
