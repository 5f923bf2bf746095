"""What start weights say to the first strokes, before anybody presses Train."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_unet.core import make_trainer
from napari_unet.engine.arrays import open_array
from napari_unet.engine.jobs import Job
from napari_unet.engine.protocol import FirstAnswer, JobFinished
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Box
from napari_unet.model.header import ClassDescription
from napari_unet.start.general import general_weights
from napari_unet.training.events import Failed, Fitted, Progress
from napari_unet.training.presets import preset
from napari_unet.training.trainer import Trainer


def first_answer(command: FirstAnswer, workspace: Workspace, training: TrainingService) -> Job:
    """Fit, predict the region, forget. Where there is a model already, that one answers."""
    answered = False
    if not training.has_model and len(workspace.labelled()):
        trainer = _fitted(command, workspace)
        yield ()
        if trainer is not None and not training.has_model:
            array = open_array(command.array, writable=True)
            probability = _predict(command, workspace, trainer)
            if array.shape[0] >= len(probability) and array.shape[1:] == probability.shape[1:]:
                array[: len(probability)], array[len(probability) :] = probability, 0
                answered = True
    yield (JobFinished(job=command.job, result={"answer": answered}),)


def _fitted(command: FirstAnswer, workspace: Workspace) -> Trainer | None:
    """A trainer before its first step; None without start weights or with too few classes."""
    labelled = workspace.labelled()
    try:
        recipe = preset(command.preset, **{**command.settings, "network": command.network})
        image = labelled[0].image
        where = {"dims": image.dims, "channels": image.channels}
        if general_weights(recipe.network, recipe.arguments, **where) is None:
            return None
        trainer = make_trainer(
            labelled,
            network=command.network,
            preset_name=command.preset,
            settings=dict(command.settings) | {"w0": 0.0},  # the map of a large plane takes long
            classes=[ClassDescription(name=c.name, color=c.color) for c in command.classes],
            seed=command.seed,
            validation="none",
            device=command.device,
        )
    except UserError:
        return None  # pressing Train will say it
    for event in trainer.run(steps=1):
        if isinstance(event, Fitted):
            return trainer
        if isinstance(event, Progress | Failed):
            break
    return None


def _predict(
    command: FirstAnswer, workspace: Workspace, trainer: Trainer
) -> npt.NDArray[np.float32]:
    image = workspace.image(command.image)
    constants = trainer.data.normalisation.for_image(image, command.index)

    def read(box: Box) -> npt.NDArray[np.float32]:
        return constants.apply(image.read(command.index, box))

    return trainer.predictor().region(read, image.spatial_shape, command.box)
