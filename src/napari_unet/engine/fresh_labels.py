"""New strokes on their way into the training: changed planes are read again between two steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from napari_unet.annotations.kinds import LabelKind
from napari_unet.engine.protocol import Event, NoticeGiven
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Image, Index
from napari_unet.training.data import ANOTHER_RANGE, LabelledImage
from napari_unet.training.trainer import Trainer


class FreshLabels:
    """Keeps the data of a trainer equal to what the user has painted.

    Strokes that arrive during a step become one update of a plane. A plane whose labels cannot be
    used keeps its last good ones, and its fault is told once.
    """

    def __init__(
        self, trainer: Trainer, workspace: Workspace, labelled: Sequence[LabelledImage]
    ) -> None:
        self._trainer, self._workspace = trainer, workspace
        self.channels = labelled[0].image.channels
        """Of the images that training began with; others need as many."""
        self._known = {
            one.image.name: one for one in labelled if trainer.data.knows(one.image.name)
        }
        self._last = labelled[0]
        ids = ((workspace.id_of(name), name) for name in self._known)
        self._names = {id: name for id, name in ids if id is not None}
        """By id: an image may be called otherwise by now, what is learnt from is not."""
        self._replaced: dict[str, None] = {}
        self._changed: dict[tuple[str, Index], None] = {}
        self._faults: dict[tuple[str, Index], str] = {}
        self._refused: dict[str, str] = {}
        self._noted = 0
        self._updated = self._cost = 0.0

    @property
    def there(self) -> bool:
        """Whether there is, or may be, something to train on."""
        planes = self._trainer.data.planes.values()
        return bool(self._changed or self._replaced) or any(p.candidates for p in planes)

    @property
    def images(self) -> list[Image]:
        """The images that have labels; without any, the last one that had."""
        return [one.image for one in self._labelled]

    @property
    def kind(self) -> LabelKind:
        """The kind of all labels; where they differ, what they all become: classes."""
        kinds = {one.kind for one in self._labelled}
        return kinds.pop() if len(kinds) == 1 else "classes"

    @property
    def _labelled(self) -> list[LabelledImage]:
        return list(self._known.values()) or [self._last]

    def changed(self, id: str, index: Index) -> None:
        """The user painted on a plane."""
        name = self._names.get(id)
        if name is not None:
            self._changed[(name, index)] = None
        elif id in self._workspace.labels:
            self.replaced(id)

    def replaced(self, id: str) -> None:
        """An image has other labels, or its first ones."""
        self._replaced[id] = None

    def removed(self, id: str) -> None:
        """An image, or its labels, are gone."""
        self._replaced.pop(id, None)
        self._refused.pop(id, None)
        self._forget(id)

    def _forget(self, id: str) -> None:
        """Nothing is learnt from an image any more, whatever it was called."""
        name = self._names.pop(id, None)
        if name is not None:
            self._last = self._known.pop(name, self._last)
            self._trainer.forget(name)
            self._changed = {key: None for key in self._changed if key[0] != name}
            self._faults = {k: text for k, text in self._faults.items() if k[0] != name}

    def learn(self) -> Iterator[Event]:
        """Take in what has changed; at least half the time is left for training."""
        if not self._changed and not self._replaced:
            return
        if time.monotonic() - self._updated < self._cost:
            return
        began = time.monotonic()
        replaced, self._replaced = self._replaced, {}
        for id in replaced:  # all of them first: one may have taken the name of another
            self._forget(id)
        for id in replaced:
            yield from self._take_in(id)
        changed, self._changed = self._changed, {}
        for name, index in changed:
            yield from self._update(name, index)
        yield from self.notices()
        self._updated = time.monotonic()
        self._cost = self._updated - began

    def notices(self) -> list[Event]:
        """What was noticed about the labels since the last call."""
        notes = self._trainer.data.notes[self._noted :]
        self._noted += len(notes)
        return [self._notice(note, "info") for note in notes]

    def _take_in(self, id: str) -> Iterator[Event]:
        if id not in self._workspace.labels or not self._workspace.labels[id].any():
            return
        labelled = self._workspace.labelled_image(id)
        image, data = labelled.image, self._trainer.data
        objection = self._objection(image)
        if objection is not None:
            if self._refused.get(id) != objection:  # not again with every stroke
                self._refused[id] = objection
                yield self._notice(f"{image.name}: {objection}", "warning")
            return
        self._names[id] = image.name
        self._known[image.name] = labelled
        try:
            data.add(labelled)
            indices = [index for name, index in list(data.planes) if name == image.name]
        except UserError:  # which plane it is comes out below; the others are used
            indices = list(image.indices())
        for index in indices:
            yield from self._update(image.name, index)

    def _objection(self, image: Image) -> str | None:
        """Why this training cannot learn from an image; None if it can."""
        if image.channels != self.channels:
            return (
                f"it has {image.channels} channels, the training began with {self.channels}; its "
                "labels are not used."
            )
        if self._trainer.data.normalisation.doubts(image) is not None:
            return ANOTHER_RANGE
        return None

    def _update(self, name: str, index: Index) -> Iterator[Event]:
        try:
            self._trainer.update_labels(name, index)
            self._faults.pop((name, index), None)
        except UserError as error:
            if self._faults.get((name, index)) != str(error):
                self._faults[(name, index)] = str(error)
                yield self._notice(str(error), "warning")

    def _notice(self, text: str, level: str) -> Event:
        name, colon, rest = text.partition(": ")
        id = self._workspace.id_of(name) if colon else None
        message = rest if id is not None else text
        if level == "warning":
            return NoticeGiven(message=message, image=id, level="warning")
        return NoticeGiven(message=message, image=id)
