"""New strokes on their way into the training: changed planes are read again between two steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from napari_unet.annotations.kinds import LabelKind
from napari_unet.engine.protocol import Event, NoticeGiven
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Image, Index
from napari_unet.training.data import LabelledImage
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
        self._known = {one.image.name: one for one in labelled}
        self._replaced: dict[str, None] = {}
        self._changed: dict[tuple[str, Index], None] = {}
        self._faults: dict[tuple[str, Index], str] = {}
        self._noted = 0
        self._updated = self._cost = 0.0

    @property
    def there(self) -> bool:
        """Whether there is, or may be, something to train on."""
        planes = self._trainer.data.planes.values()
        return bool(self._changed or self._replaced) or any(p.candidates for p in planes)

    @property
    def images(self) -> list[Image]:
        """The images that have labels."""
        return [one.image for one in self._known.values()]

    @property
    def kind(self) -> LabelKind:
        """The kind of all labels; where they differ, what they all become: classes."""
        kinds = {one.kind for one in self._known.values()}
        return kinds.pop() if len(kinds) == 1 else "classes"

    def changed(self, id: str, index: Index) -> None:
        """The user painted on a plane."""
        name = self._workspace.name(id)
        if name in self._known:
            self._changed[(name, index)] = None
        elif id in self._workspace.labels:
            self.replaced(id)

    def replaced(self, id: str) -> None:
        """An image has other labels, or its first ones."""
        self._replaced[id] = None

    def removed(self, id: str) -> None:
        """An image, or its labels, are gone."""
        name = self._workspace.name(id)
        self._replaced.pop(id, None)
        if name is not None and self._known.pop(name, None) is not None:
            self._trainer.data.remove(name)
            self._changed = {key: None for key in self._changed if key[0] != name}

    def learn(self) -> Iterator[Event]:
        """Take in what has changed; at least half the time is left for training."""
        if not self._changed and not self._replaced:
            return
        if time.monotonic() - self._updated < self._cost:
            return
        began = time.monotonic()
        replaced, self._replaced = self._replaced, {}
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
        if image.channels != self.channels:
            message = (
                f"{image.name}: it has {image.channels} channels, the training began with "
                f"{self.channels}; its labels are not used."
            )
            yield self._notice(message, "warning")
            return
        self._known[image.name] = labelled
        try:
            data.add(labelled)
            indices = [index for name, index in list(data.planes) if name == image.name]
        except UserError:  # which plane it is comes out below; the others are used
            indices = list(image.indices())
        for index in indices:
            yield from self._update(image.name, index)

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
