"""What the GUI asks of the engine. Free of torch; ``engine.protocol`` names it too."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from napari_unet.engine.messages import ArrayRef, Box, ClassInfo, Index, Message
from napari_unet.model.export import Format


class OpenImage(Message):
    """Make an image known. ``axes`` holds letters of tzcyx; ``dims`` is 2 or 3 spatial axes."""

    type: Literal["open_image"] = "open_image"
    id: str
    name: str
    array: ArrayRef
    axes: str
    dims: int = 2
    spacing: tuple[float, ...] | None = None
    sha256: str | None = None


class CloseImage(Message):
    type: Literal["close_image"] = "close_image"
    id: str


class SetLabels(Message):
    """Labels of an image: same leading and spatial axes, no channel axis. Replaces older ones.

    ``regions``: non-zero = fully annotated. ``complete``: every plane counts as fully annotated.
    """

    type: Literal["set_labels"] = "set_labels"
    image: str
    array: ArrayRef
    kind: Literal["scribbles", "classes", "objects"]
    regions: ArrayRef | None = None
    complete: bool = False


class LabelsChanged(Message):
    """The GUI changed the label (or region) file in place; read the plane again."""

    type: Literal["labels_changed"] = "labels_changed"
    image: str
    index: Index


class RemoveLabels(Message):
    type: Literal["remove_labels"] = "remove_labels"
    image: str


class StartTraining(Message):
    """Start on all images that have labels, or go on (``resume``) where training was."""

    type: Literal["start_training"] = "start_training"
    network: str = "unet"
    arguments: dict[str, Any] = Field(default_factory=dict)
    preset: str = "live"
    settings: dict[str, Any] = Field(default_factory=dict)
    """Fields of the preset to override."""
    classes: tuple[ClassInfo, ...]
    start: str = "auto"
    """'random', 'general', or the path of a .unet file."""
    resume: bool = False
    seed: int = 0
    steps: int | None = None
    budget: float | None = None
    validation: Literal["auto", "none"] = "auto"
    device: str = "auto"
    precision: str = "auto"
    checkpoint: str | None = None
    """Path of a .unet file that the engine keeps current while it trains."""


class FirstAnswer(Message):
    """Predict a region with start weights whose last layer is fitted to the labels there are.

    Nothing is trained, and there is no model afterwards. float32 (class, *box) is written to
    ``array``; the job's result says with ``answer`` whether there was anything to say.
    """

    type: Literal["first_answer"] = "first_answer"
    job: str
    image: str
    index: Index
    box: Box
    array: ArrayRef
    network: str = "unet"
    preset: str = "live"
    settings: dict[str, Any] = Field(default_factory=dict)
    classes: tuple[ClassInfo, ...]
    seed: int = 0
    device: str = "auto"


class SetClasses(Message):
    """Other names or colours, or one class more, for the model in training."""

    type: Literal["set_classes"] = "set_classes"
    classes: tuple[ClassInfo, ...]


class PauseTraining(Message):
    type: Literal["pause_training"] = "pause_training"


class ResumeTraining(Message):
    type: Literal["resume_training"] = "resume_training"


class StopTraining(Message):
    type: Literal["stop_training"] = "stop_training"


class MoveCheckpoint(Message):
    """Keep the model in another file from now on; it is written there at once."""

    type: Literal["move_checkpoint"] = "move_checkpoint"
    path: str


class ResetTraining(Message):
    """Forget the network; the project's model, ``checkpoint``, is set aside."""

    type: Literal["reset_training"] = "reset_training"
    checkpoint: str | None = None


class Watch(Message):
    """Keep predicting this region while training: float32 (class, *box) is written to ``array``."""

    type: Literal["watch"] = "watch"
    image: str
    index: Index
    box: Box
    array: ArrayRef
    every: float = 3.0
    """Least seconds between two refreshes."""
    own_size: bool = False
    """Images of smaller objects than those of the training are not enlarged."""


class Unwatch(Message):
    type: Literal["unwatch"] = "unwatch"


class Predict(Message):
    """Predict planes of an open image into arrays that the GUI allocated.

    ``outputs`` maps 'probability' (float32, leading + class + spatial), 'classes' (uint8),
    'objects' (int32), 'uncertainty' (float32), the last three leading + spatial, to where to write.
    ``indices``: which planes (None = all). Every tile is reported by a ``TileDone``.
    ``box``: only this part of one plane, and arrays of its sides, without leading axes. ``like``:
    an open image whose normalisation is used, for a piece or a coarser level of it.
    """

    type: Literal["predict"] = "predict"
    job: str
    image: str
    indices: tuple[Index, ...] | None = None
    outputs: dict[str, ArrayRef]
    box: Box | None = None
    like: str | None = None
    tile: int | None = None
    rotations: bool | None = None
    """None: as the recipe of the model says."""
    own_size: bool = False
    """The image is not enlarged, however small its objects are."""
    device: str | None = None
    precision: str | None = None
    """Instead of those of the training."""


class Verify(Message):
    """The parity certificate of the newest model on one plane of an open image.

    ``tile``: what Predict image would take. The job's result is the certificate.
    """

    type: Literal["verify"] = "verify"
    job: str
    image: str
    index: Index = ()
    tile: int | None = None


class PredictFiles(Message):
    """Predict files of a folder or glob into a folder, as the command line does."""

    type: Literal["predict_files"] = "predict_files"
    job: str
    images: str
    out: str
    outputs: tuple[str, ...] = ()
    axes: str | None = None
    tile: int | None = None
    rotations: bool | None = None
    own_size: bool = False


class BoundaryWeights(Message):
    """Write the weight map of one labelled plane (float32, spatial) to ``array``."""

    type: Literal["boundary_weights"] = "boundary_weights"
    job: str
    image: str
    index: Index
    array: ArrayRef
    w0: float = 10.0
    sigma: float = 5.0


class DryRun(Message):
    """A few training steps on all labels, thrown away; the result says what a step costs here.

    The fields are those of :class:`StartTraining`; the result is core.dry_run.DryRun as JSON.
    """

    type: Literal["dry_run"] = "dry_run"
    job: str
    network: str = "unet"
    arguments: dict[str, Any] = Field(default_factory=dict)
    preset: str = "live"
    settings: dict[str, Any] = Field(default_factory=dict)
    classes: tuple[ClassInfo, ...]
    device: str = "auto"
    precision: str = "auto"


class Attention(Message):
    """Write the attention coefficients in a part of an image (float32, gate + box) to ``array``."""

    type: Literal["attention"] = "attention"
    job: str
    image: str
    index: Index
    box: Box
    array: ArrayRef


class Cancel(Message):
    type: Literal["cancel"] = "cancel"
    job: str


class SaveModel(Message):
    type: Literal["save_model"] = "save_model"
    job: str
    path: str
    training_state: bool = True


class LoadModel(Message):
    """Load a model to predict with, or to go on training (``StartTraining.resume``)."""

    type: Literal["load_model"] = "load_model"
    job: str
    path: str


class PruneModel(Message):
    """Write a smaller copy of the newest model to ``path``; that model stays as it is.

    ``to``: part of the parameters that stays, such as "10%"; ``budget``: seconds of training on the
    labels in each of ``rounds``. The result holds ``path``, ``curve`` and ``text``, a sentence.
    """

    type: Literal["prune_model"] = "prune_model"
    job: str
    path: str
    to: str = "10%"
    method: Literal["stamp", "random", "largest"] = "stamp"
    rounds: int = 4
    budget: float = 20.0


class ExportModel(Message):
    """Write the newest model for other programs to ``path``, as ``napari-unet export`` does.

    ``name``: empty = as the file. The result holds ``path`` and ``text``: how it compared.
    """

    type: Literal["export_model"] = "export_model"
    job: str
    path: str
    format: Format
    name: str = ""
    authors: tuple[str, ...] = ()


class Shutdown(Message):
    type: Literal["shutdown"] = "shutdown"
