"""The parity certificate as a job of the engine: the model of the moment on a plane of the dock."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.parity import (
    Subject,
    by_command_line,
    file_checks,
    make_certificate,
    precision_check,
    tile_checks,
)
from napari_unet.engine import jobs
from napari_unet.engine.protocol import (
    ArrayRef,
    JobFinished,
    JobProgress,
    OpenImage,
    Predict,
    Verify,
)
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace
from napari_unet.evaluation.parity import Check, compare
from napari_unet.images.image import Image
from napari_unet.model.model import Model, load

STEPS = 8
"""About how many things are computed; for the progress bar."""


@dataclass(frozen=True)
class Frozen:
    """The model as it was when the job began, for a prediction as the dock asks for it."""

    frozen: Model
    device: str
    precision: str

    def model(self) -> Model:
        return self.frozen


def verify(command: Verify, workspace: Workspace, source: TrainingService) -> jobs.Job:
    """All checks; the result of the job is the certificate."""
    model = source.model()
    device = source.device
    opened = model.as_image(workspace.image(command.image))
    plane = _plane(opened, command.index)
    done = 0

    def report(text: str) -> tuple[JobProgress, ...]:
        nonlocal done
        done = min(done + 1, STEPS)
        return (JobProgress(job=command.job, done=done - 1, total=STEPS, text=text),)

    with tempfile.TemporaryDirectory(prefix="napari-unet-verify-") as name:
        folder = Path(name)
        pixels = folder / "image.npy"
        np.save(pixels, np.asarray(plane.data[...]))
        path = folder / "model.unet"
        model.save(path)
        # Python: what a notebook does with the file that the dock would save.
        subject = Subject(load(path), path, plane, device)
        yield report("by Python")
        reference = subject.predict()
        checks: list[Check] = []
        yield report("by the dock")
        shown = yield from _as_the_dock(model, plane, pixels, device, command, folder)
        checks.append(compare("dock = Python", shown, reference, subject.limit))
        yield report("by the command line")
        typed = yield from by_command_line(subject, pixels, folder, plane.axes)
        checks.append(compare("command line = Python", typed, reference, subject.limit))
        more: list[tuple[str, Callable[[], Iterator[Check]]]] = [
            ("saved and loaded", lambda: file_checks(subject, reference, folder)),
            ("in other tiles", lambda: tile_checks(subject, reference)),
            ("in other numbers", lambda: precision_check(subject, reference)),
        ]
        for text, part in more:
            yield report(text)
            for check in part():
                checks.append(check)
                yield ()
        found = make_certificate(subject, checks, "the model of the dock")
    yield (JobFinished(job=command.job, result=found),)


def _plane(image: Image, index: tuple[int, ...]) -> Image:
    """One plane as an image of its own: the certificate is about it alone."""
    axes = "c" + image.spatial_axes
    return Image(image.name, image.read(index), axes, image.dims, image.spacing)


def _as_the_dock(
    model: Model, plane: Image, pixels: Path, device: str, command: Verify, folder: Path
) -> Any:
    """The job that Predict image starts, on this plane; returns its probability."""
    shape = (len(model.header.classes), *plane.spatial_shape)
    out = folder / "dock.npy"
    np.save(out, np.zeros(shape, np.float32))
    workspace = Workspace()
    workspace.handle(
        OpenImage(
            id="plane",
            name=plane.name,
            array=ArrayRef(kind="npy", path=str(pixels)),
            axes=plane.axes,
            dims=plane.dims,
            spacing=plane.spacing,
        )
    )
    asked = Predict(
        job=command.job,
        image="plane",
        outputs={"probability": ArrayRef(kind="npy", path=str(out))},
        tile=command.tile,
        precision="float32",
    )
    for _ in jobs.predict(asked, workspace, Frozen(model, device, "float32")):
        yield ()
    return np.load(out)
