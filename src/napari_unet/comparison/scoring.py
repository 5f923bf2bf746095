"""The truth of an image and the scores of a prediction of it. Free of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.annotations.targets import make_target
from napari_unet.comparison.records import Values
from napari_unet.errors import UserError
from napari_unet.evaluation.cases import Case
from napari_unet.evaluation.report import evaluate
from napari_unet.training.data import LabelledImage

MEAN_IOU = "mean_iou"
"""Mean IoU of the classes other than background; that of the foreground where there is one."""


def metrics_of(kind: LabelKind, classes: int) -> list[str]:
    """What is computed of every image, the one that is compared unless asked otherwise first."""
    if kind == "objects":
        return ["iou", "dice", "ap50", "seg"]
    by_class = [f"iou_{k}" for k in range(classes)]
    return [*([MEAN_IOU] if classes > 2 else []), "iou", "dice", "pixel_error", *by_class]


def truth_of(
    one: LabelledImage, mask: bool = True
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Class indices or ids, and where nobody said what it is; both (*leading, *spatial).

    ``mask``: see :func:`~napari_unet.training.data.are_masks`.

    Raises
    ------
    UserError
        Labels that cannot be used, as in training.
    """
    image = one.image
    shape = image.leading_shape + image.spatial_shape
    truth = np.zeros(shape, np.int32 if one.kind == "objects" else np.uint8)
    ignore = np.zeros(shape, bool)
    for index in image.indices():
        labels = one.labels.read(index)[0]
        if labels.any():
            labels, findings = check_labels(labels, one.kind, image.spatial_shape, mask=mask)
            for finding in findings:
                if finding.level == "error":
                    raise UserError(f"{image.name}: {finding.message}")
        classes = make_target(
            labels, one.kind, complete=one.complete, regions=one.annotated(index)
        ).classes
        ignore[index] = classes == UNLABELLED
        truth[index] = labels if one.kind == "objects" else np.where(ignore[index], 0, classes)
    return truth, ignore


def score(
    prediction: npt.NDArray[Any], one: LabelledImage, classes: int, mask: bool = True
) -> Values:
    """Scores of a prediction (*leading, *spatial) of class indices, or ids for objects.

    ``mask``: see :func:`~napari_unet.training.data.are_masks`.
    """
    truth, ignore = truth_of(one, mask)
    wanted = [m for m in metrics_of(one.kind, classes) if m != MEAN_IOU]
    case = Case(one.image.name, prediction, truth, ignore=ignore, dims=one.image.dims)
    (scores,) = evaluate([case], one.kind, wanted)["images"]
    values: Values = {name: scores[name] for name in wanted}
    if classes > 2 and one.kind != "objects":
        known = [v for k in range(1, classes) if (v := values[f"iou_{k}"]) is not None]
        values = {MEAN_IOU: sum(known) / len(known) if known else None} | values
    return values
