"""What a plane is labelled as, and with which weights, as the training sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.boundary_weights import boundary_weights, class_balance
from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.targets import make_target
from napari_unet.engine.workspace import Workspace
from napari_unet.images.image import Index
from napari_unet.training.presets import Preset


@dataclass(frozen=True)
class PlaneTruth:
    """``classes``: uint8 (y, x), 255 = not labelled; ``weights``: float32 (y, x), 0 there."""

    classes: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]


def plane_truth(
    workspace: Workspace,
    image: str,
    index: Index,
    recipe: Preset,
    balance: npt.NDArray[np.float32] | None = None,
) -> PlaneTruth | None:
    """Target and weights of one plane; None where nothing usable is labelled.

    ``balance``: weight by class (256 entries) of the training at hand; without it, the classes are
    counted on this plane.
    """
    labels = workspace.labels.get(image)
    if labels is None:
        return None
    plane, regions = labels.plane(index), labels.plane_regions(index)
    if plane.any():
        plane, findings = check_labels(plane, labels.kind, plane.shape)
        if any(finding.level == "error" for finding in findings):
            return None
    target = make_target(plane, labels.kind, complete=labels.complete, regions=regions)
    known = target.classes != UNLABELLED
    if not known.any():
        return None
    if balance is None:
        counts = np.bincount(target.classes[known])
        balance = np.zeros(256, np.float32)
        balance[: len(counts)] = class_balance(counts, recipe.balance)
    weights = balance[target.classes]
    if target.objects is not None and recipe.w0 > 0:
        near = boundary_weights(target.objects, recipe.w0, recipe.sigma, recipe.voxel)
        weights = weights + near * known
    return PlaneTruth(target.classes, weights.astype(np.float32))
