"""Messages between the GUI and the engine: one JSON object a line, arrays by reference.

Free of torch. Commands go from client to server, events come back. Arrays never travel through
the pipe: an :class:`ArrayRef` names a file that the GUI allocated (``.npy``, memory-mapped) or one
of the user's own files that the engine may read.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from napari_unet.engine.commands import Attention as Attention
from napari_unet.engine.commands import BoundaryWeights as BoundaryWeights
from napari_unet.engine.commands import Cancel as Cancel
from napari_unet.engine.commands import CloseImage as CloseImage
from napari_unet.engine.commands import DryRun as DryRun
from napari_unet.engine.commands import ExportModel as ExportModel
from napari_unet.engine.commands import FirstAnswer as FirstAnswer
from napari_unet.engine.commands import LabelsChanged as LabelsChanged
from napari_unet.engine.commands import LoadModel as LoadModel
from napari_unet.engine.commands import MoveCheckpoint as MoveCheckpoint
from napari_unet.engine.commands import OpenImage as OpenImage
from napari_unet.engine.commands import PauseTraining as PauseTraining
from napari_unet.engine.commands import Predict as Predict
from napari_unet.engine.commands import PredictFiles as PredictFiles
from napari_unet.engine.commands import PruneModel as PruneModel
from napari_unet.engine.commands import RemoveLabels as RemoveLabels
from napari_unet.engine.commands import ResetTraining as ResetTraining
from napari_unet.engine.commands import ResumeTraining as ResumeTraining
from napari_unet.engine.commands import SaveModel as SaveModel
from napari_unet.engine.commands import SetClasses as SetClasses
from napari_unet.engine.commands import SetLabels as SetLabels
from napari_unet.engine.commands import Shutdown as Shutdown
from napari_unet.engine.commands import StartTraining as StartTraining
from napari_unet.engine.commands import StopTraining as StopTraining
from napari_unet.engine.commands import Unwatch as Unwatch
from napari_unet.engine.commands import Verify as Verify
from napari_unet.engine.commands import Watch as Watch
from napari_unet.engine.events import CheckpointWritten as CheckpointWritten
from napari_unet.engine.events import EngineDied as EngineDied
from napari_unet.engine.events import JobFailed as JobFailed
from napari_unet.engine.events import JobFinished as JobFinished
from napari_unet.engine.events import JobProgress as JobProgress
from napari_unet.engine.events import NetworkMeasured as NetworkMeasured
from napari_unet.engine.events import NoticeGiven as NoticeGiven
from napari_unet.engine.events import PreviewReady as PreviewReady
from napari_unet.engine.events import Ready as Ready
from napari_unet.engine.events import TileDone as TileDone
from napari_unet.engine.events import TrainingFailed as TrainingFailed
from napari_unet.engine.events import TrainingFinished as TrainingFinished
from napari_unet.engine.events import TrainingPaused as TrainingPaused
from napari_unet.engine.events import TrainingProgress as TrainingProgress
from napari_unet.engine.events import TrainingReset as TrainingReset
from napari_unet.engine.events import TrainingResumed as TrainingResumed
from napari_unet.engine.events import TrainingStarted as TrainingStarted
from napari_unet.engine.inspecting import Inspecting, SnapshotKept
from napari_unet.engine.messages import ArrayRef as ArrayRef
from napari_unet.engine.messages import Box as Box
from napari_unet.engine.messages import ClassInfo as ClassInfo
from napari_unet.engine.messages import Index as Index
from napari_unet.engine.messages import Message as Message

Command = Annotated[
    OpenImage
    | CloseImage
    | SetLabels
    | LabelsChanged
    | RemoveLabels
    | StartTraining
    | SetClasses
    | PauseTraining
    | ResumeTraining
    | StopTraining
    | MoveCheckpoint
    | ResetTraining
    | Watch
    | Unwatch
    | Predict
    | Verify
    | PredictFiles
    | BoundaryWeights
    | DryRun
    | FirstAnswer
    | Inspecting
    | Attention
    | Cancel
    | SaveModel
    | LoadModel
    | PruneModel
    | ExportModel
    | Shutdown,
    Field(discriminator="type"),
]

Event = Annotated[
    Ready
    | NetworkMeasured
    | TrainingStarted
    | TrainingProgress
    | TrainingPaused
    | TrainingResumed
    | TrainingReset
    | TrainingFinished
    | TrainingFailed
    | NoticeGiven
    | PreviewReady
    | CheckpointWritten
    | SnapshotKept
    | TileDone
    | JobProgress
    | JobFinished
    | JobFailed
    | EngineDied,
    Field(discriminator="type"),
]

COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


def encode(message: Message) -> bytes:
    """One line of UTF-8 JSON with its newline."""
    return message.model_dump_json().encode() + b"\n"
