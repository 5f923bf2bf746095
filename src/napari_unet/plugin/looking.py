"""Asking the engine for a prediction of what is on screen, once that has settled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.protocol import ArrayRef, Box, Index, Unwatch, Watch
from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.visible import current_index, visible_box, visible_part

if TYPE_CHECKING:
    from napari_unet.plugin.images import ImageEntry
    from napari_unet.plugin.session import Session

Place = tuple[str, Index, Box]
"""Image id, index, box."""
REST = 0.2
"""Seconds that the view must rest before another part of it is asked for."""


class Looking:
    """What is being predicted for the screen: ``place``, into ``array`` (class, *box)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.place: Place | None = None
        self.array: Any = None
        self._ref: ArrayRef | None = None
        self._wanted: Place | None = None
        self._since = 0.0

    def tick(self) -> None:
        """Follow the view."""
        wanted = self._on_screen()
        if wanted != self._wanted:
            self._wanted, self._since = wanted, time.monotonic()
            if self.place is not None and wanted is not None:
                return
        elif time.monotonic() - self._since < REST:
            return
        if wanted != self.place:
            self.look(wanted)

    def _on_screen(self) -> Place | None:
        session = self._session
        return self.on_screen() if session.has_model or session.training.running else None

    def on_screen(self) -> Place | None:
        """What the user sees of the current image, once the engine can read it."""
        session = self._session
        entry = session.current
        if entry is None or not session.shown:
            return None
        if entry.ref is None and not entry.problem:
            try:
                session.open_in_engine(entry)
            except UserError as error:
                entry.problem = str(error)
                session.tell("error", entry.problem)
        if not entry.ready:
            return None
        return self.part_of(entry)

    def part_of(self, entry: ImageEntry) -> Place:
        """What is on screen of an image; of a volume a box one plane thick."""
        session = self._session
        if session.engine_dims(entry) == 3:
            return entry.id, *visible_part(session.viewer, entry, self._halo())
        return entry.id, current_index(session.viewer, entry), visible_box(entry)

    def _halo(self) -> tuple[int, ...]:
        recipe = recipe_of(self._session)
        return registry.geometry(recipe.network, recipe.arguments, 3).halo

    def again(self) -> None:
        """Have the same region predicted anew, for example for one class more."""
        if self.place is not None:
            self.look(self.place)

    def look(self, place: Place | None) -> None:
        """Have another region predicted, or none."""
        session = self._session
        old, self.place = self._ref, place
        self.array, self._ref = None, None
        if place is None:
            session.send(Unwatch())
        else:
            image, index, box = place
            shape = (len(session.classes), *(b - a for a, b in box))
            try:
                self._ref, self.array = session.engine.allocate(shape, np.float32)
            except UserError as error:
                session.tell("error", str(error))
                return
            own = session.own_size
            session.send(Watch(image=image, index=index, box=box, array=self._ref, own_size=own))
        if old is not None:
            session.engine.release(old)
