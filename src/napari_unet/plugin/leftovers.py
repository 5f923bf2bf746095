"""Files of images whose pixels were replaced or whose layers are gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_unet.engine.protocol import ArrayRef

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

REST = 10.0
"""Seconds after which the engine has surely carried out what was sent before."""


class Leftovers:
    """Removes them after a while: the engine opens a file when it comes to the command that names
    it, which takes long while it starts, and a missing file would be told to the user."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files: list[tuple[float, ArrayRef]] = []

    def add(self, ref: ArrayRef) -> None:
        """An array of the session's cache that nothing will name any more."""
        self._files.append((time.monotonic(), ref))

    def tick(self) -> None:
        """Remove what is old enough; while the engine is not ready, nothing is."""
        now = time.monotonic()
        if not self._session.engine_was_ready:
            self._files = [(now, ref) for _, ref in self._files]
        while self._files and now - self._files[0][0] >= REST:
            self._session.engine.release(self._files.pop(0)[1])
