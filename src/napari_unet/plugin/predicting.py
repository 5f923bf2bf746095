"""Whole images, folders, boundary weights and the overlap-tile plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.protocol import (
    BoundaryWeights,
    Box,
    Cancel,
    Index,
    Predict,
    PredictFiles,
)
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.tiling import plan_tiles
from napari_unet.networks import registry
from napari_unet.plugin import derived, outputs, overview
from napari_unet.plugin.attention import finish_attention
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.state import TileRow
from napari_unet.plugin.training_control import needs_model, start_job
from napari_unet.plugin.visible import current_index
from napari_unet.prediction.blending import Windows

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

DTYPES = {
    "classes": np.uint8,
    "objects": np.int32,
    "probability": np.float32,
    "uncertainty": np.float32,
}
TILE, TILES = 256, 400
"""Output of the tiles of an image that is predicted from the dock: small enough that there are some
to look at, so large that a plane has at most about ``TILES`` of them."""
TILE_3D = 64


def predict_image(session: Session, entry: ImageEntry, *, rotations: bool | None = None) -> str:
    """Predict all planes of an image into its layers. Raises UserError."""
    needs_model(session)
    names = {"classes", *(session.shown & {"objects", "probability", "uncertainty"})}
    image = seen(session, entry)
    leading, spatial = image.leading_shape, image.spatial_shape
    wanted = {name: ((*leading, *spatial), DTYPES[name]) for name in sorted(names)}
    if "probability" in wanted:
        shape = (*leading, session.model_classes, *spatial)
        wanted["probability"] = (shape, DTYPES["probability"])
    made = outputs.allocate(session, entry, wanted)
    job = start_job(
        session,
        f"Predicting {entry.name}",
        Predict,
        cancellable=True,
        needs=entry,
        image=entry.id,
        outputs=made.refs,
        rotations=rotations,
        own_size=session.own_size,
        tile=tile_size(entry, image.dims),
    )
    if job in session.jobs:
        session.tiles, session.tiles_of = {}, entry
    outputs.keep(session, job, made)
    return job


def seen(session: Session, entry: ImageEntry) -> Image:
    """The image as the engine sees it."""
    return entry.volume() if session.engine_dims(entry) == 3 else entry.image


def tile_size(entry: ImageEntry, dims: int = 2) -> int:
    """Side of the tiles of an image, a multiple of 64."""
    if dims == 3:
        return TILE_3D
    least = math.sqrt(math.prod(entry.image.spatial_shape) / TILES)
    return max(TILE, math.ceil(least / 64) * 64)


def finish_prediction(
    session: Session, job: str, notes: Sequence[str] = (), *, doubtful: bool = False
) -> None:
    """Show what a finished job wrote, and say what there is to say of it."""
    made = session.outputs.pop(job)
    try:
        _show(session, made.entry, made.arrays, notes, "warning" if doubtful else "info")
    finally:
        outputs.release(session, made)


def _show(
    session: Session, entry: ImageEntry, arrays: dict[str, Any], notes: Sequence[str], level: str
) -> None:
    viewer = session.viewer
    if "weights" in arrays:
        index, top = arrays["index"], float(arrays["weights"].max())
        layer = derived.image_layer(viewer, entry, "boundary weights", 10.0, "hot")
        derived.pixels(layer)[index] = arrays["weights"]
        layer.contrast_limits = (0, max(top, 1e-3))
        layer.refresh()
        if top == 0:
            session.tell("info", "No two objects are near each other here: all weights are 0.")
        return
    if entry.layer not in viewer.layers:
        return
    if "attention" in arrays:
        finish_attention(session, entry, arrays)
        return
    layer = derived.class_layer(viewer, entry, session.classes)
    if arrays.get("shown", (None, 0)) == (layer, arrays["classes"].size):
        layer.refresh()  # tile by tile, everything has got there: a copy of all would take long
    else:
        derived.put(layer, np.array(arrays["classes"]))
    overview.remove(viewer, entry)
    whole = tuple((0, n) for n in entry.image.spatial_shape)
    for index in entry.image.indices():
        session.correcting.predicted(entry, index, whole, derived.pixels(layer)[index])
    if "objects" in arrays:
        derived.put(derived.object_layer(viewer, entry), np.array(arrays["objects"]))
    if "probability" in arrays:
        class_axis = arrays["probability"].ndim - 1 - session.engine_dims(entry)
        background = arrays["probability"].take(0, axis=class_axis)
        shown = derived.image_layer(viewer, entry, "probability", 1.0, "magenta")
        derived.put(shown, 1 - background)
    if "uncertainty" in arrays:
        shown = derived.image_layer(viewer, entry, "uncertainty", 1.0, "inferno")
        derived.put(shown, np.array(arrays["uncertainty"]))
    session.tiles_changed.emit()
    if derived.find(viewer, entry, "tiles") is not None:
        show_tiles(session, entry)
    # One message, for the dock shows the last one.
    session.tell(level, " ".join([f"{entry.name} is predicted.", *notes]))


def show_tile(session: Session, job: str, index: Index, box: Box) -> None:
    """Of a large plane, show every tile as it comes: all of them may take an hour."""
    entry, arrays = session.outputs[job].entry, session.outputs[job].arrays
    if not derived.is_large(entry) or "classes" not in arrays or session.engine_dims(entry) == 3:
        return
    if entry.layer not in session.viewer.layers:
        return
    part = (*index, *(slice(a, b) for a, b in box))
    layer = derived.class_layer(session.viewer, entry, session.classes)
    derived.write_box(layer, index, box, arrays["classes"][part])
    before, pixels = arrays.get("shown", (None, 0))  # the user may have removed the layer
    size = math.prod(b - a for a, b in box)
    arrays["shown"] = (layer, size + (pixels if before is layer else 0))
    overview.replaced(session.viewer, entry, index, box)


def predict_folder(
    session: Session,
    images: str,
    out: str,
    *,
    outputs: tuple[str, ...] = (),
    rotations: bool | None = None,
) -> str:
    """Predict the images of a folder into another. Raises UserError."""
    needs_model(session)
    return start_job(
        session,
        f"Predicting {images}",
        PredictFiles,
        cancellable=True,
        images=images,
        out=out,
        outputs=outputs,
        rotations=rotations,
        own_size=session.own_size,
    )


def cancel(session: Session, job: str) -> None:
    """End a job within one tile."""
    if job in session.jobs and not session.jobs[job].sent:
        session.drop_job(job)
    else:
        session.send(Cancel(job=job))


def show_boundary_weights(session: Session, entry: ImageEntry) -> None:
    """``<image>: boundary weights`` of the current plane. Raises UserError."""
    if entry.id not in session.labels:
        raise UserError("Boundary weights are made from labels: make or choose labels first.")
    session.flush()
    index = session.engine_index(entry, current_index(session.viewer, entry))
    shape = seen(session, entry).spatial_shape
    made = outputs.allocate(session, entry, {"weights": (shape, np.float32)})
    made.arrays["index"] = index
    recipe = recipe_of(session)
    job = start_job(
        session,
        "Boundary weights",
        BoundaryWeights,
        needs=entry,
        image=entry.id,
        index=index,
        array=made.refs["weights"],
        w0=recipe.w0 or 10.0,
        sigma=recipe.sigma,
    )
    outputs.keep(session, job, made)


def show_tiles(session: Session, entry: ImageEntry) -> Any:
    """``<image>: tiles`` of the plane that is shown: for each tile what it predicts (yellow) and
    what it sees (blue), as in Fig. 2 of the paper. Of a volume, the tiles that predict the plane.
    """
    index = current_index(session.viewer, entry)
    known = session.tiles.values() if session.tiles_of is entry else ()
    place = session.engine_index(entry, index)
    rows = sorted((t for t in known if t.index == place), key=lambda t: t.number)
    if not rows:
        rows = plan(session, entry, place)
        if session.tiles_of is not entry:
            session.tiles, session.tiles_of = {}, entry
        session.tiles.update({(place, t.number): t for t in rows})
    if len(place) < len(index):
        rows = [t for t in rows if t.output[0][0] <= index[-1] < t.output[0][1]]
    corners, features = [], []
    for part in ("input", "output"):
        for row in rows:
            (top, bottom), (left, right) = getattr(row, part)[-2:]
            box = [(top, left), (top, right), (bottom, right), (bottom, left)]
            corners.append(np.array([[*index, *(np.array(c) - 0.5)] for c in box], float))
            features.append(
                (row.number, part, row.confidence, row.entropy, row.foreground, row.loss)
            )
    names = ("tile", "part", "confidence", "entropy", "foreground", "loss")
    table = {n: [f[i] for f in features] for i, n in enumerate(names)}
    old = derived.find(session.viewer, entry, "tiles")
    visible = True
    if old is not None:
        visible = old.visible
        session.viewer.layers.remove(old)
    active = session.viewer.layers.selection.active
    layer = session.viewer.add_shapes(
        corners,
        shape_type="rectangle",
        edge_color=["#4aa3ff"] * len(rows) + ["#ffd400"] * len(rows),
        face_color="transparent",
        edge_width=max(1, min(entry.image.spatial_shape) / 300),
        name=f"{entry.name}: tiles",
        features=table,
        visible=visible,
        metadata=derived.note(entry, "tiles", index=index),
        **derived.placement(entry),
    )
    if active is not None:
        session.viewer.layers.selection.active = active
    session.tiles_changed.emit()
    return layer


def plan(session: Session, entry: ImageEntry, index: tuple[int, ...]) -> list[TileRow]:
    """The tiles that predicting this plane will take, before anything is predicted."""
    recipe, image = recipe_of(session), seen(session, entry)
    bare = registry.geometry(recipe.network, recipe.arguments, image.dims)
    geometry = bare.predicting(recipe.second_look)
    shape = image.spatial_shape
    if geometry.tile_exact:
        tiles = plan_tiles(shape, geometry, tile_size(entry, image.dims))
    else:
        tiles = Windows(shape, geometry).cells(tuple((0, n) for n in shape))
    return [TileRow(index, t.number, t.output, t.input) for t in tiles]


def go_to_tile(session: Session, row: TileRow) -> None:
    """Show a tile in the middle of the canvas, and which one it is."""
    entry = session.tiles_of
    if entry is None:
        return
    viewer = session.viewer
    axes = entry.layer_axes()
    position = [0.0] * entry.layer.ndim
    middle = [*row.index, *((a + b) / 2 for a, b in row.output)]
    for axis, value in zip(axes, middle, strict=True):
        position[axis] = value
    world = entry.layer.data_to_world(position)
    viewer.scene.camera.center = tuple(world[-3:]) if len(world) >= 3 else (0, *world)
    first = viewer.dims.ndim - len(world)
    for axis in (a for a in axes if first + a not in viewer.dims.displayed):
        viewer.dims.set_point(first + axis, world[axis])
    layer = derived.find(viewer, entry, "tiles")
    if layer is None:
        return
    if layer.metadata[derived.KEY]["index"] != current_index(viewer, entry):
        layer = show_tiles(session, entry)
    chosen = layer.features["tile"].to_numpy() == row.number
    layer.selected_data = set(np.flatnonzero(chosen).tolist())
    colors = np.zeros((len(chosen), 4))
    colors[chosen & (layer.features["part"].to_numpy() == "output")] = (1, 0.83, 0, 0.25)
    colors[chosen & (layer.features["part"].to_numpy() == "input")] = (0.29, 0.64, 1, 0.15)
    layer.face_color = colors
