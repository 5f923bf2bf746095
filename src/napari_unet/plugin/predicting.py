"""Whole images, folders, boundary weights and the overlap-tile plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.protocol import BoundaryWeights, Cancel, Predict, PredictFiles
from napari_unet.errors import UserError
from napari_unet.images.tiling import plan_tiles
from napari_unet.networks import registry
from napari_unet.plugin import derived
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.state import TileRow
from napari_unet.plugin.training_control import start_job
from napari_unet.plugin.visible import current_index
from napari_unet.training.presets import preset

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

DTYPES = {
    "classes": np.uint8,
    "objects": np.int32,
    "probability": np.float32,
    "uncertainty": np.float32,
}
TILE = 256
"""Output of the tiles of an image that is predicted from the dock: enough of them to look at."""


def predict_image(session: Session, entry: ImageEntry, *, rotations: bool = False) -> str:
    """Predict all planes of an image into its layers. Raises UserError."""
    _needs_model(session)
    session.open_in_engine(entry)
    outputs, arrays = {}, {}
    wanted = {"classes", *(session.shown & {"objects", "probability", "uncertainty"})}
    leading, spatial = entry.image.leading_shape, entry.image.spatial_shape
    for name in sorted(wanted):
        shape = (*leading, *spatial)
        if name == "probability":
            shape = (*leading, len(session.classes), *spatial)
        outputs[name], arrays[name] = session.engine.allocate(shape, DTYPES[name])
    job = start_job(
        session,
        f"Predicting {entry.name}",
        Predict,
        cancellable=True,
        image=entry.id,
        outputs=outputs,
        rotations=rotations,
        tile=TILE,
    )
    session.tiles, session.tiles_of = [], entry
    session.outputs[job] = (entry, arrays)
    return job


def finish_prediction(session: Session, job: str) -> None:
    """Show what a finished job wrote."""
    entry, arrays = session.outputs.pop(job)
    viewer = session.viewer
    if "weights" in arrays:
        index, top = arrays["index"], float(arrays["weights"].max())
        layer = derived.image_layer(viewer, entry, "boundary weights", 10.0, "hot")
        layer.data[index] = arrays["weights"]
        layer.contrast_limits = (0, max(top, 1e-3))
        layer.refresh()
        if top == 0:
            session.tell("info", "No two objects are near each other here: all weights are 0.")
        return
    if entry.layer not in viewer.layers:
        return
    layer = derived.class_layer(viewer, entry, session.classes)
    layer.data = np.array(arrays["classes"])
    if "objects" in arrays:
        derived.object_layer(viewer, entry).data = np.array(arrays["objects"])
    if "probability" in arrays:
        background = arrays["probability"].take(0, axis=len(entry.image.leading_shape))
        derived.image_layer(viewer, entry, "probability", 1.0, "magenta").data = 1 - background
    if "uncertainty" in arrays:
        shown = derived.image_layer(viewer, entry, "uncertainty", 1.0, "inferno")
        shown.data = np.array(arrays["uncertainty"])
    session.tiles.sort(key=lambda t: (t.index, t.number))
    session.tiles_changed.emit()
    if derived.find(viewer, entry, "tiles") is not None:
        show_tiles(session, entry)
    session.tell("info", f"{entry.name} is predicted.")


def predict_folder(
    session: Session,
    images: str,
    out: str,
    *,
    outputs: tuple[str, ...] = (),
    rotations: bool = False,
) -> str:
    """Predict the images of a folder into another. Raises UserError."""
    _needs_model(session)
    return start_job(
        session,
        f"Predicting {images}",
        PredictFiles,
        cancellable=True,
        images=images,
        out=out,
        outputs=outputs,
        rotations=rotations,
    )


def cancel(session: Session, job: str) -> None:
    """End a job within one tile."""
    session.send(Cancel(job=job))


def show_boundary_weights(session: Session, entry: ImageEntry) -> None:
    """``<image>: boundary weights`` of the current plane. Raises UserError."""
    if entry.id not in session.labels:
        raise UserError("Boundary weights are made from labels: make or choose labels first.")
    session.flush()
    index = current_index(session.viewer, entry)
    ref, array = session.engine.allocate(entry.image.spatial_shape, np.float32)
    recipe = preset(session.preset, **_known_settings(session))
    job = start_job(
        session,
        "Boundary weights",
        BoundaryWeights,
        image=entry.id,
        index=index,
        array=ref,
        w0=recipe.w0 or 10.0,
        sigma=recipe.sigma,
    )
    session.outputs[job] = (entry, {"weights": array, "index": index})


def show_tiles(session: Session, entry: ImageEntry) -> Any:
    """``<image>: tiles``: for each tile what it predicts (yellow) and sees (blue), as in Fig. 2."""
    index = current_index(session.viewer, entry)
    rows = [t for t in session.tiles if t.index == index] if session.tiles_of is entry else []
    if not rows:
        rows = plan(session, entry, index)
        session.tiles, session.tiles_of = rows, entry
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
    edge = ["#4aa3ff"] * len(rows) + ["#ffd400"] * len(rows)
    old = derived.find(session.viewer, entry, "tiles")
    if old is not None:
        session.viewer.layers.remove(old)
    active = session.viewer.layers.selection.active
    layer = session.viewer.add_shapes(
        corners,
        shape_type="rectangle",
        edge_color=edge,
        face_color="transparent",
        edge_width=max(1, min(entry.image.spatial_shape) / 300),
        name=f"{entry.name}: tiles",
        features=table,
        metadata=derived.note(entry, "tiles"),
        **derived.placement(entry),
    )
    if active is not None:
        session.viewer.layers.selection.active = active
    session.tiles_changed.emit()
    return layer


def plan(session: Session, entry: ImageEntry, index: tuple[int, ...]) -> list[TileRow]:
    """The tiles that predicting this plane will take, before anything is predicted."""
    recipe = preset(session.preset, **_known_settings(session))
    geometry = registry.geometry(recipe.network, recipe.arguments, entry.image.dims)
    tiles = plan_tiles(entry.image.spatial_shape, geometry, TILE)
    return [TileRow(index, t.number, t.output, t.input) for t in tiles]


def go_to_tile(session: Session, row: TileRow) -> None:
    """Show a tile in the middle of the canvas."""
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
    for axis, value in zip(
        range(viewer.dims.ndim - len(world), viewer.dims.ndim), world, strict=True
    ):
        if axis not in viewer.dims.displayed:
            viewer.dims.set_point(axis, value)
    layer = derived.find(viewer, entry, "tiles")
    if layer is not None:
        numbers = layer.features["tile"].to_numpy()
        layer.selected_data = set(np.flatnonzero(numbers == row.number).tolist())


def _known_settings(session: Session) -> dict[str, Any]:
    return {**session.settings, "network": session.network}


def _needs_model(session: Session) -> None:
    if not session.has_model:
        raise UserError("There is no model yet: press Train, or load a model.")
