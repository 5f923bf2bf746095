"""Messages of the inspectors: what the network is fed, what it sees, what it once was.

Answers are arrays of sizes that only the engine knows: the GUI allocates a ``parcel``, a flat array
of bytes, and the job's result says what lies where in it (see :mod:`.parcels`). Free of torch.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from napari_unet.engine.messages import ArrayRef, Box, Index, Message


class Recipe(Message):
    """What a training that began now would use; of no effect while there is one."""

    network: str = "unet"
    preset: str = "live"
    settings: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0


class DrawPieces(Message):
    """The next pieces that training draws, without drawing them away.

    ``strengths``: fields of the preset (elastic_sd, scale, noise...) to try instead of its own.
    ``skip``: steps to look ahead. The parcel holds ``images`` (piece, channel, y, x) float32,
    ``classes`` (piece, y, x) uint8, 255 = not labelled, ``weights`` (piece, y, x) float32 and
    ``lines`` (piece, line, point, 2) float32: the deformed grid in pixels of the image. The result
    says of each piece where it lies and what the deformation did to it.
    """

    type: Literal["draw_pieces"] = "draw_pieces"
    job: str
    recipe: Recipe
    strengths: dict[str, Any] = Field(default_factory=dict)
    pieces: int = 6
    skip: int = 0
    parcel: ArrayRef


class FindSafeStrength(Message):
    """The largest elastic_sd that folds no draw and hardly splits or merges objects."""

    type: Literal["find_safe_strength"] = "find_safe_strength"
    job: str
    recipe: Recipe
    strengths: dict[str, Any] = Field(default_factory=dict)
    pieces: int = 16


class InspectTile(Message):
    """Everything about the overlap tile that predicts the pixel ``point`` of a plane.

    The parcel holds, of the tile's input (mirrored outside the image), ``input`` (channel, y, x),
    normalised, and ``effective`` (y, x), the gradient of the answer at ``point``; of its output
    ``probability`` (class, y, x) and, where the plane is labelled, ``target`` (y, x) uint8, 255 =
    not labelled, ``weights`` and ``loss`` (y, x); ``gate_0``.. (y, x), attention over the input.
    """

    type: Literal["inspect_tile"] = "inspect_tile"
    job: str
    image: str
    index: Index
    point: tuple[int, ...]
    tile: int
    parcel: ArrayRef


class FindSuspects(Message):
    """Labels that look wrong: regions where a sure network contradicts them, worst first."""

    type: Literal["find_suspects"] = "find_suspects"
    job: str
    image: str
    most: int = 5
    tile: int = 256


class KeepHistory(Message):
    """From now on, keep models along training in ``folder``; None = no longer."""

    type: Literal["keep_history"] = "keep_history"
    folder: str | None


class PredictThen(Message):
    """Predict a region with the model of a file: float32 (class, *box) into ``array``."""

    type: Literal["predict_then"] = "predict_then"
    job: str
    path: str
    image: str
    index: Index
    box: Box
    array: ArrayRef


class SnapshotKept(Message):
    """The history holds one more model; ``dropped`` were removed to make room."""

    type: Literal["snapshot"] = "snapshot"
    path: str
    step: int
    seconds: float
    loss: float | None = None
    dropped: tuple[str, ...] = ()


Inspecting = DrawPieces | FindSafeStrength | InspectTile | FindSuspects | KeepHistory | PredictThen
