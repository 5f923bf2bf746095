"""Models along a training: kept close together at first, ever farther apart later, thinned out.

What a network learns in its first seconds it takes minutes to change later on, so that the kept
models are evenly spaced in the logarithm of the training time.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from napari_unet.engine.arrays import open_array
from napari_unet.engine.inspecting import KeepHistory, PredictThen, SnapshotKept
from napari_unet.engine.jobs import Job
from napari_unet.engine.protocol import Event, JobFinished, NoticeGiven
from napari_unet.engine.sentences import sentence
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Box
from napari_unet.model import file
from napari_unet.model.building import network_for
from napari_unet.model.model import Model
from napari_unet.prediction.predictor import Array

MOST, FEWEST = 24, 4
"""Models that are kept; fewer where they are large."""
ROOM = 512 * 2**20
"""Bytes that all of them may take, as long as ``FEWEST`` are kept."""
FARTHER = 0.15
"""Part of the training time that passes until the next is kept."""
SHARE = 20
"""Training gets at least this many times the time that keeping takes."""
OPEN = 3
"""Models that are kept in memory for looking back."""
_NAME = re.compile(r"(\d+)-step-(\d+)\.unet")


class History:
    """Keeps models of the training at hand in a folder; see the module."""

    def __init__(self, training: TrainingService, emit: Callable[[Event], None]) -> None:
        self._training, self._emit = training, emit
        self._folder: Path | None = None
        self._last: tuple[int, int] | None = None  # which training, and its step
        self._seconds = self._cost = 0.0
        self._models: dict[tuple[str, int], Model] = {}

    def keep(self, command: KeepHistory) -> None:
        """Use a folder, or none. What it holds already is told."""
        self._folder = Path(command.folder) if command.folder is not None else None
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in snapshots(self._folder):
            try:
                past = file.read_header(path).history
            except UserError:
                continue  # half of a file: the disk was full
            loss = past.losses[-1][1] if past.losses else None
            self._emit(
                SnapshotKept(path=str(path), step=past.steps, seconds=past.seconds, loss=loss)
            )

    @property
    def busy(self) -> bool:
        """Whether the end of a training is still to be kept."""
        run = self._training.run
        return run is not None and run.phase == "ended" and self._new()

    def advance(self) -> None:
        """Keep the model of this moment if it is time."""
        run = self._training.run
        if self._folder is None or run is None or not self._new():
            return
        trainer = run.trainer
        if self._last is None or self._last[0] != id(trainer) or trainer.step < self._last[1]:
            self._seconds = 0.0
        wait = max(1.0, FARTHER * self._seconds, SHARE * self._cost)
        if run.phase != "ended" and trainer.seconds - self._seconds < wait:
            return
        self._last, self._seconds = (id(trainer), trainer.step), trainer.seconds
        began = time.perf_counter()
        try:
            self._write(self._folder)
        except Exception as error:
            self._folder = None  # told once; training goes on
            self._emit(
                NoticeGiven(
                    message=f"{sentence(error)} The time machine keeps no more models.",
                    level="warning",
                )
            )
        self._cost = time.perf_counter() - began
        trainer.seconds += self._cost if run.phase == "running" else 0.0

    def _new(self) -> bool:
        run = self._training.run
        if self._folder is None or run is None or run.trainer.step == 0:
            return False
        return self._last != (id(run.trainer), run.trainer.step)

    def _write(self, folder: Path) -> None:
        run = self._training.run
        assert run is not None
        trainer = run.trainer
        known = snapshots(folder)
        number = _number(known[-1]) + 1 if known else 1
        path = folder / f"{number:06d}-step-{trainer.step:07d}.unet"
        self._training.save(str(path), training_state=True)
        dropped = thin([*known, path], most=max(FEWEST, min(MOST, ROOM // path.stat().st_size)))
        for old in dropped:
            old.unlink(missing_ok=True)
        recent = trainer.losses[-20:]
        self._emit(
            SnapshotKept(
                path=str(path),
                step=trainer.step,
                seconds=trainer.seconds,
                loss=sum(recent) / len(recent) if recent else None,
                dropped=tuple(map(str, dropped)),
            )
        )

    # ------------------------------------------------------------ looking back

    def predict_then(self, command: PredictThen, workspace: Workspace) -> Job:
        """A region with one of the kept models."""
        model = self._model(Path(command.path))
        image = model.as_image(workspace.image(command.image))
        predictor = model.predictor(self._training.device, self._training.precision)
        constants = model.normalisation(image)
        array = open_array(command.array, writable=True)
        yield ()

        def read(part: Box) -> Array:
            return constants.apply(image.read(command.index, part))

        probability = predictor.region(read, image.spatial_shape, command.box)
        if array.shape != probability.shape:
            raise UserError(
                f"The array for the prediction has the shape {array.shape}, it must be "
                f"{probability.shape}."
            )
        array[...] = probability
        yield (JobFinished(job=command.job),)

    def _model(self, path: Path) -> Model:
        try:
            key = str(path), path.stat().st_mtime_ns
        except OSError:
            raise UserError(
                "This model is no longer kept (older ones are thinned out): choose another."
            ) from None
        if key not in self._models:
            header, weights, _ = file.load(path, training_state=False)
            self._models[key] = Model(header, network_for(header, weights, str(path)))
            while len(self._models) > OPEN:
                del self._models[next(iter(self._models))]
        return self._models[key]


def snapshots(folder: Path) -> list[Path]:
    """The kept models of a folder, oldest first."""
    return sorted((p for p in folder.glob("*.unet") if _NAME.fullmatch(p.name)), key=_number)


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])


def thin(paths: Sequence[Path], most: int) -> list[Path]:
    """Which of ``paths``, oldest first, to drop so that ``most`` are left, evenly spread.

    The first and the last always stay; of the others goes each time the one whose neighbours are
    closest together.
    """
    kept, dropped = list(paths), []
    while len(kept) > max(2, most):
        gaps = [
            math.log(_number(kept[i + 1]) / _number(kept[i - 1])) for i in range(1, len(kept) - 1)
        ]
        dropped.append(kept.pop(1 + gaps.index(min(gaps))))
    return dropped
