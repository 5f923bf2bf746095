"""Labels that look wrong: where a network that learned from them is sure of something else.

A wrong label is a contradiction within the labels: the network, which has to find one rule for all
of them, keeps a high loss there (small-loss selection: Arpit et al. 2017, "A closer look at
memorization in deep networks"). A network that was trained for long on few labels has learnt the
mistakes by heart and finds none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.engine.inspecting import FindSuspects
from napari_unet.engine.jobs import Job
from napari_unet.engine.protocol import JobFinished, JobProgress
from napari_unet.engine.tile_inspection import cross_entropy, recipe_of
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.truth import plane_truth
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Index

SURE = 0.3
"""The labelled class is contradicted where the network gives it less probability than this."""
SMALLEST = 12
"""Pixels; smaller contradictions are outlines drawn a little inside or outside."""
TILES = 20


def find_suspects(command: FindSuspects, workspace: Workspace, source: TrainingService) -> Job:
    """Predict the labelled planes; list regions and tiles by loss, the worst first."""
    model = source.model()
    image = model.as_image(workspace.image(command.image))
    if len(image.spatial_shape) != 2:
        raise UserError("Labels that look wrong are looked for in planes only, not in volumes.")
    predictor = model.predictor(source.device, source.precision)
    recipe, balance = recipe_of(source)
    found: list[dict[str, Any]] = []
    tiles: list[dict[str, Any]] = []
    indices = list(image.indices())
    labelled = False
    for number, index in enumerate(indices):
        truth = plane_truth(workspace, command.image, index, recipe, balance)
        if truth is None:
            continue
        labelled = True
        whole = np.empty((len(model.header.classes), *image.spatial_shape), np.float32)
        known = truth.classes < len(whole)
        for one in model.tiles(image, predictor, tile=command.tile, indices=[index]):
            inside = tuple(slice(*span) for span in one.tile.output)
            whole[(slice(None), *inside)] = one.probability
            if known[inside].any():
                loss = cross_entropy(one.probability, np.where(known, truth.classes, 0)[inside])
                mean = float(loss[known[inside]].mean())
                box = [list(span) for span in one.tile.output]
                tiles.append({"index": list(index), "box": box, "loss": mean})
            yield (JobProgress(job=command.job, done=number, total=len(indices)),)
        found += contradictions(whole, truth.classes, index)
        found = sorted(found, key=lambda s: -s["loss"])[: command.most]
    if not labelled:
        raise UserError("Nothing is labelled in this image: there are no labels to look at.")
    tiles = sorted(tiles, key=lambda t: -t["loss"])[:TILES]
    names = model.class_names
    for one_found in found:
        for what in ("labelled", "predicted"):
            one_found[f"{what}_name"] = names[one_found[what]]
    yield (JobFinished(job=command.job, result={"suspects": found, "tiles": tiles}),)


def contradictions(
    probability: npt.NDArray[np.float32], classes: npt.NDArray[np.uint8], index: Index
) -> list[dict[str, Any]]:
    """Connected regions of one plane where the labels are contradicted, as JSON.

    ``loss``: sum of the cross-entropy over the region, so that large ones come first. ``runs``:
    its pixels as [row, first column, column after the last]. Regions thinner than three pixels are
    left out: nobody draws an outline more exactly.
    """
    known = (classes != UNLABELLED) & (classes < len(probability))
    labelled = np.where(known, classes, 0).astype(np.intp)
    given = np.take_along_axis(probability, labelled[None], 0)[0]
    predicted = probability.argmax(0)
    found = []
    doubtful = known & (given < SURE) & (predicted != labelled)
    core = ndimage.binary_opening(doubtful, np.ones((3, 3), bool))
    pairs = labelled * len(probability) + predicted
    for pair in np.unique(pairs[core]):
        # The region around a core: all doubt of the same kind that hangs together with it.
        regions, _ = ndimage.label(doubtful & (pairs == pair))
        kept = set(np.unique(regions[core & (pairs == pair)]).tolist()) - {0}
        boxes = ndimage.find_objects(regions)
        for number in sorted(kept):
            box = boxes[number - 1]
            mask = regions[box] == number
            pixels = int(mask.sum())
            if pixels < SMALLEST:
                continue
            depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
            inner = np.unravel_index(int(depth.argmax()), mask.shape)
            start = [s.start for s in box]
            found.append(
                {
                    "index": list(index),
                    "place": [int(a + b) for a, b in zip(start, inner, strict=True)],
                    "pixels": pixels,
                    "labelled": int(pair) // len(probability),
                    "predicted": int(pair) % len(probability),
                    "loss": float(-np.log(np.maximum(given[box][mask], 1e-7)).sum()),
                    "runs": _runs(mask, start),
                }
            )
    return found


def _runs(mask: npt.NDArray[np.bool_], start: list[int]) -> list[list[int]]:
    runs = []
    for row, line in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            runs.append([start[0] + row, start[1] + int(first), start[1] + int(last)])
    return runs
