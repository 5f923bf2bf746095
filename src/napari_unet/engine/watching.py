"""The preview: the region that the user is looking at, predicted again every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from napari_unet.engine.arrays import open_array
from napari_unet.engine.protocol import Event, NoticeGiven, PreviewReady, Watch
from napari_unet.engine.sentences import sentence
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Box
from napari_unet.images.normalise import Normalisation
from napari_unet.prediction.object_sizes import KnownObjects
from napari_unet.prediction.predictor import Array, Predictor

FIRST_STEP = 3
"""The first preview comes after this many steps, or after ``FIRST_SECONDS`` where they are slow."""
FIRST_SECONDS = 1.5
SHARE = 4
"""Training gets at least this many times the time that previews take."""


@dataclass(frozen=True)
class Current:
    """What there is to predict with; ``step`` says how far it is trained."""

    predictor: Predictor
    normalisation: Normalisation
    channels: int
    objects: Callable[[], KnownObjects] = KnownObjects


class Watcher:
    """Predicts the watched region when it is due. Knows nothing of how the model came about."""

    def __init__(self, workspace: Workspace, emit: Callable[[Event], None]) -> None:
        self._workspace, self._emit = workspace, emit
        self._watch: Watch | None = None
        self._shown: int | None = None
        self._sizes: dict[str, tuple[int, Fraction]] = {}
        """By image: how many times it is enlarged, and at which step that was found out."""
        self._finished = self._began = 0.0
        self._cost = 0.0

    def watch(self, command: Watch | None) -> None:
        """Look at another region, or at none."""
        if command is None or self._watch is None or _place(command) != _place(self._watch):
            self._shown = None
        self._watch = command

    def reopened(self, image: str) -> None:
        """An image may have other pixels now: what was shown of it is out of date."""
        self._sizes.pop(image, None)
        if self._watch is not None and self._watch.image == image:
            self._shown = None

    def begin(self) -> None:
        """Training begins: what was shown came from another model."""
        self._shown, self._began = None, time.monotonic()
        self._sizes = {}

    def due(self, step: int, *, training: bool, at_once: bool = False) -> bool:
        """Whether the model of ``step`` should be shown now.

        ``at_once``: its first answer is worth a look, however few steps it has made.
        """
        now = time.monotonic()
        if self._watch is None or step == self._shown:
            return False
        if self._shown is None:
            early = step < FIRST_STEP and now - self._began < FIRST_SECONDS
            return at_once or not training or not early
        wait = max(self._watch.every, SHARE * self._cost) if training else 0.0
        return now - self._finished >= wait

    def show(self, current: Callable[[], Current], step: int, *, training: bool) -> float:
        """Predict into the watcher's array; returns the seconds it took.

        What goes wrong is told once, and this region is then left alone.
        """
        watch, began = self._watch, time.monotonic()
        assert watch is not None
        self._shown = step
        try:
            array = open_array(watch.array, writable=True)
            probability = self._predict(watch, current(), step, training)
            classes = len(probability)
            if array.shape[0] < classes or array.shape[1:] != probability.shape[1:]:
                raise UserError(
                    f"The array for the preview has the shape {array.shape}, it must be "
                    f"{probability.shape}."
                )
            # Classes that the user has named but not painted yet: nothing is of them.
            array[:classes], array[classes:] = probability, 0
            self._emit(PreviewReady(image=watch.image, index=watch.index, box=watch.box, step=step))
        except Exception as error:
            self._watch = None
            if Path(watch.array.path).exists():  # else the GUI has looked away already
                self._emit(NoticeGiven(message=sentence(error), image=watch.image, level="warning"))
        self._finished = time.monotonic()
        self._cost = self._finished - began
        return self._cost

    def _predict(self, watch: Watch, current: Current, step: int, training: bool) -> Array:
        image = self._workspace.image(watch.image)
        if image.channels != current.channels:
            raise UserError(
                f"{image.name} has {image.channels} channels, the model was trained on "
                f"{current.channels}: it cannot be predicted."
            )
        constants = current.normalisation.for_image(image, watch.index)

        def read(box: Box) -> Array:
            return constants.apply(image.read(watch.index, box))

        size = Fraction(1)
        if not watch.own_size:
            size = self._size(watch.image, current, step, training)
        predictor = current.predictor.at_size(size)
        return predictor.region(read, image.spatial_shape, watch.box)

    def _size(self, image: str, current: Current, step: int, training: bool) -> Fraction:
        """How many times the image is enlarged. To find out takes a prediction of its own: while
        training goes on, it is done whenever the steps have doubled."""
        known, size = self._sizes.get(image, (0, Fraction(1)))
        if step != known and (not training or step >= 2 * known):
            opened = self._workspace.image(image)
            size, _ = current.objects().size_for(opened, current.normalisation, current.predictor)
            self._sizes[image] = step, size
        return size


def _place(watch: Watch) -> tuple[object, ...]:
    return watch.image, watch.index, watch.box, watch.array
