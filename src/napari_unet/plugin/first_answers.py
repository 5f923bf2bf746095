"""An answer to the first strokes, before anybody presses Train: what the start weights say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.protocol import FirstAnswer, Index
from napari_unet.errors import UserError
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.looking import REST, Place
from napari_unet.plugin.showing import show_prediction
from napari_unet.plugin.training_control import start_job

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

WHAT = "A first answer"


class FirstAnswers:
    """Asks again after each stroke, as long as there is neither a model nor a training.

    Only the general start weights can answer so soon: without strokes of two classes, and for
    networks that start from random weights, nothing is shown.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.on = True
        self.shown = False
        """Whether what is on screen is such an answer."""
        self._strokes = 0
        self._changed: set[tuple[str, Index]] = set()
        self._classes: dict[tuple[str, Index], frozenset[int]] = {}
        """By image and plane, as far as something was painted on it."""
        self._painted = 0.0
        self._asked: tuple[Place, int] | None = None
        self._job: str | None = None

    def painted(self, one: LabelEntry, index: Index) -> None:
        """Something was painted on a plane."""
        self._changed.add((one.entry.id, index))
        self._strokes += 1
        self._painted = time.monotonic()

    def tick(self) -> None:
        """Ask, once painting and the view have come to rest."""
        session = self._session
        wanted = self.on and self._strokes and session.dims == 2 and session.engine_was_ready
        if session.has_model or session.training.running:
            self.shown = False
            wanted = False
        if self._job is not None and self._job not in session.jobs:
            self._job = None
        if not wanted or self._job is not None or time.monotonic() - self._painted < REST:
            return
        place = session.looking.on_screen()
        if place is None or self._asked == (place, self._strokes) or self._one_class():
            return
        self._asked = place, self._strokes
        try:
            self._ask(place)
        except UserError as error:
            session.tell("error", str(error))

    def _one_class(self) -> bool:
        """Whether the strokes so far are all of one class: nothing can be told apart."""
        known = self._session.labels
        for image, index in self._changed:
            if image not in known:
                continue
            counts = np.bincount(known[image].sent[index].ravel())
            self._classes[image, index] = frozenset(map(int, np.flatnonzero(counts[1:])))
        self._changed.clear()
        if any(one.kind != "scribbles" for one in known.values()):
            return False  # what is not of an object may be background
        seen = [found for (image, _), found in self._classes.items() if image in known]
        return len(frozenset().union(*seen)) < 2

    def _ask(self, place: Place) -> None:
        session = self._session
        image, index, box = place
        shape = (len(session.classes), *(b - a for a, b in box))
        ref, array = session.engine.allocate(shape, np.float32)
        entry = session.entry_of(image)
        self._job = start_job(
            session,
            WHAT,
            FirstAnswer,
            needs=entry,
            image=image,
            index=index,
            box=box,
            array=ref,
            network=session.network,
            preset=session.preset,
            settings=dict(session.settings),
            classes=tuple(session.classes),
            seed=session.seed,
            device=session.device,
        )

        def answered(result: dict[str, Any]) -> None:
            if result.get("answer"):
                self._show(place, np.array(array))
            session.engine.release(ref)

        def refused(_: str) -> None:  # Train will say what is wrong
            session.engine.release(ref)

        if self._job in session.jobs:
            session.jobs[self._job].answered = answered
            session.jobs[self._job].refused = refused

    def _show(self, place: Place, probability: Any) -> None:
        session = self._session
        entry = session.entry_of(place[0])
        if entry is None or session.has_model or session.training.running:
            return
        if len(session.classes) != len(probability):
            return
        show_prediction(session, entry, place[1], place[2], probability)
        if not self.shown:
            session.tell(
                "info", "A first answer, from your strokes alone: press Train to make it better."
            )
        self.shown = True
