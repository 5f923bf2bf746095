"""What training is fed: its next draws, tried with other strengths too.

The draws are those that the training makes: they come through the same function with the seed of
the same step. Looking at them changes nothing, for all randomness is a function of (seed, step).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_unet.engine.arrays import open_array
from napari_unet.engine.inspecting import DrawPieces, FindSafeStrength, Recipe
from napari_unet.engine.jobs import Job
from napari_unet.engine.parcels import pack
from napari_unet.engine.protocol import JobFinished, JobProgress
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.normalise import choose_normalisation
from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry
from napari_unet.training.data import TrainingData, of_objects
from napari_unet.training.elastic import sample
from napari_unet.training.piece_checks import PieceCheck, check_piece, foreground_objects
from napari_unet.training.presets import Preset, preset
from napari_unet.training.sampler import Draw, draw
from napari_unet.training.schedule import seed_of_step
from napari_unet.training.tile_size import fitting_tile
from napari_unet.training.validator import Validator

STRENGTHS = {
    "elastic_sd",
    "elastic_points",
    "rotation",
    "turned",
    "mirror",
    "scale",
    "contrast",
    "brightness",
    "gamma",
    "shading",
    "sharpness",
    "noise",
}
"""Fields of the preset that may be tried."""
CPU = torch.device("cpu")
STRONGEST = 24.0
"""Pixels, the largest elastic_sd that is tried."""
FINENESS = 0.5
TOLERANCE = 0.02
"""Part of the objects that may be split or merged beyond what happens without deformation."""
SAMPLES = 48
"""Points along each line of the drawn grid."""


@dataclass(frozen=True)
class Feed:
    """All that a draw depends on."""

    data: TrainingData
    recipe: Preset
    geometry: Geometry
    tile: tuple[int, ...]
    batch: int
    balance: torch.Tensor
    seed: int
    step: int

    def draws(self, skip: int = 0, *, full: bool = False) -> Iterator[tuple[int, Draw]]:
        """(step, draw) from here on, without end. ``full``: at full strength at once (see ramp)."""
        step = self.step + skip
        while True:
            generator = torch.Generator().manual_seed(seed_of_step(self.seed + 1, step))
            recipe = self.recipe if full else self.recipe.at(step)
            yield (
                step,
                draw(
                    self.data,
                    recipe,
                    batch=self.batch,
                    output=self.tile,
                    border=self.geometry.border,
                    balance=self.balance,
                    generator=generator,
                    device=CPU,
                ),
            )
            step += 1


def feed(training: TrainingService, workspace: Workspace, recipe: Recipe) -> Feed:
    """What the training at hand is fed, or one that would begin now with ``recipe``.

    :class:`UserError` when nothing is labelled or the labels cannot be used.
    """
    run = training.run
    if run is not None:
        trainer = run.trainer
        balance = torch.from_numpy(trainer.data.balance(trainer.classes, trainer.preset.balance))
        return Feed(
            trainer.data,
            trainer.preset,
            trainer.geometry,
            trainer.tile,
            trainer.batch,
            balance,
            trainer.seed,
            trainer.step,
        )
    labelled = workspace.labelled()
    if not labelled:
        raise UserError("Nothing is labelled yet: paint some of each class first.")
    fields = {**recipe.settings, "network": recipe.network}
    chosen = preset(recipe.preset, objects=of_objects(labelled), **fields)
    images = [one.image for one in labelled]
    missing = registry.spec(chosen.network).takes_missing
    data = TrainingData(
        choose_normalisation(images, mark_missing=missing), chosen.w0, chosen.sigma, chosen.voxel
    )
    for one in labelled:
        data.add(one)
    data.check()
    geometry = registry.geometry(chosen.network, chosen.arguments, images[0].dims)
    tile = fitting_tile(geometry, chosen.tile, (p.shape for p in data.planes.values()))
    Validator(data, "auto").begin(recipe.seed)  # what is held out is not drawn
    balance = torch.from_numpy(data.balance(data.classes(), chosen.balance))
    return Feed(data, chosen, geometry, tile, chosen.batch, balance, recipe.seed, 0)


def tried(fed: Feed, strengths: Mapping[str, Any]) -> Feed:
    """The same with other strengths; :class:`UserError` where one does not fit."""
    wrong = set(strengths) - STRENGTHS
    if wrong:
        raise UserError(f"{sorted(wrong)[0]!r} is not a strength of the augmentation.")
    fields = fed.recipe.model_dump() | dict(strengths)
    name = fields.pop("name")
    return replace(fed, recipe=preset(name, **fields))


def draw_pieces(command: DrawPieces, fed: Feed, workspace: Workspace) -> Job:
    """The next pieces, packed; one draw at a time."""
    fed = tried(fed, command.strengths)
    if len(fed.tile) != 2:
        raise UserError("Only pieces of planes can be shown, not those of volumes.")
    images: list[npt.NDArray[Any]] = []
    classes: list[npt.NDArray[Any]] = []
    weights: list[npt.NDArray[Any]] = []
    lines: list[npt.NDArray[Any]] = []
    about: list[dict[str, Any]] = []
    for step, drawn in fed.draws(command.skip):
        for number in range(len(drawn.planes)):
            if len(images) == command.pieces:
                break
            plane, checked = drawn.planes[number], check(fed, drawn, number)
            weight = drawn.batch.weights[number].numpy()
            images.append(drawn.batch.images[number].numpy())
            labelled = drawn.batch.classes[number].numpy().astype(np.uint8)
            classes.append(np.where(weight > 0, labelled, np.uint8(255)))
            weights.append(weight)
            lines.append(_lines(drawn, number, fed.recipe.elastic_points))
            about.append(
                {
                    "step": step,
                    "image": workspace.id_of(plane.image.name),
                    "index": list(plane.index),
                    "centre": list(drawn.centres[number]),
                }
                | _told(checked)
            )
        yield (JobProgress(job=command.job, done=len(images), total=command.pieces),)
        if len(images) == command.pieces:
            break
    contents = pack(
        open_array(command.parcel, writable=True),
        {
            "images": np.stack(images),
            "classes": np.stack(classes),
            "weights": np.stack(weights),
            "lines": np.stack(lines),
        },
    )
    result = {"arrays": contents, "pieces": about, "border": list(fed.geometry.border)}
    yield (JobFinished(job=command.job, result=result),)


def find_safe_strength(command: FindSafeStrength, fed: Feed) -> Job:
    """Bisection over elastic_sd; every candidate deforms the same draws."""
    baseline = yield from _damage(fed, command, 0.0)
    allowed = baseline.damaged + TOLERANCE * baseline.objects
    low, high = 0, round(STRONGEST / FINENESS)
    limit = ""
    while low < high:
        middle = (low + high + 1) // 2
        found = yield from _damage(fed, command, middle * FINENESS)
        if found.folded == 0 and found.damaged <= allowed:
            low = middle
        else:
            high = middle - 1
            limit = "folds" if found.folded > 0 else "objects"
    result = {"elastic_sd": low * FINENESS, "limit": limit, "objects": baseline.objects}
    yield (JobFinished(job=command.job, result=result),)


def _damage(fed: Feed, command: FindSafeStrength, sd: float) -> Any:
    """Sum over the pieces of what elastic_sd does to them."""
    changed = tried(fed, {**command.strengths, "elastic_sd": sd})
    folded, objects, split, merged, seen = 0.0, 0, 0, 0, 0
    for _, drawn in changed.draws(full=True):
        for number in range(len(drawn.planes)):
            one = check(changed, drawn, number)
            folded += one.folded
            objects, split, merged = objects + one.objects, split + one.split, merged + one.merged
        seen += len(drawn.planes)
        yield ()
        if seen >= command.pieces:
            return PieceCheck(folded, objects, split, merged)


def check(fed: Feed, drawn: Draw, number: int) -> PieceCheck:
    """What the deformation did to one piece of a draw."""
    plane, centre = drawn.planes[number], drawn.centres[number]
    grid = drawn.grid[number]
    # The objects of all that the piece fetches, and one pixel more.
    flat = grid.reshape(-1, grid.shape[-1])
    low, high = flat.amin(0).numpy(), flat.amax(0).numpy()
    box = []
    for c, a, b in zip(centre, low, high, strict=True):
        half = int(np.ceil(max(-a, b))) + 1
        box.append((int(np.floor(c)) - half, int(np.ceil(c)) + half + 1))
    before = foreground_objects(plane.read_labels(tuple(box))[0].astype(np.uint8))
    inner = tuple(slice(b, n - b) for b, n in zip(fed.geometry.border, grid.shape, strict=False))
    ids = torch.from_numpy(before.astype(np.float32))[None, None]
    after = sample(ids, grid[inner][None], "nearest")[0, 0].numpy().astype(np.int32)
    return check_piece(grid.numpy(), before, after)


def _told(checked: PieceCheck) -> dict[str, Any]:
    return {
        "folded": checked.folded,
        "objects": checked.objects,
        "split": checked.split,
        "merged": checked.merged,
    }


def _lines(drawn: Draw, number: int, points: int) -> npt.NDArray[np.float32]:
    """The grid of control points as deformed: (2 * points, SAMPLES, 2) pixels of the image."""
    grid = drawn.grid[number].numpy() + np.array(drawn.centres[number], np.float32)
    rows, columns = grid.shape[:2]
    along = [np.linspace(0, n - 1, SAMPLES).round().astype(int) for n in (rows, columns)]
    at = [np.linspace(0, n - 1, points).round().astype(int) for n in (rows, columns)]
    across = [grid[y, along[1]] for y in at[0]] + [grid[along[0], x] for x in at[1]]
    return np.stack(across).astype(np.float32)
