"""Scores of a task from predictions, the same for every method."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from benchmarks.few_shot.sets import Array, Objects, Pair, Task

from napari_unet.annotations.objects import components, drop_small, objects_from_probability
from napari_unet.evaluation import em
from napari_unet.evaluation.ctc import CellScores, cell_scores
from napari_unet.evaluation.matching import Matching, measure_overlaps
from napari_unet.evaluation.overlap import confusion, iou

Scores = dict[str, float]


def score(
    task: Task, pairs: Sequence[Pair], probability: Sequence[Array], objects: Sequence[Array] = ()
) -> dict[str, Scores]:
    """Scores by what was made of the prediction.

    ``probability``: of cell or object, (y, x) in 0..1 for each pair; ``objects``: ids that the
    method itself found. Either may be empty. Returns ``same`` (membranes, or objects cut from the
    probability as everybody's are), ``components`` (only connected) and ``own`` (the method's ids),
    as far as there are any.
    """
    if task.kind == "classes":
        return {"same": membrane_scores(pairs, probability)} if len(probability) else {}
    rule = task.objects
    assert rule is not None
    found: dict[str, list[Array]] = {}
    if len(probability):
        found["same"] = [cut(p, rule) for p in probability]
        found["components"] = [components(p > 0.5) for p in probability]
    if len(objects):
        found["own"] = list(objects)
    scores = {
        name: object_scores(pairs, [drop_small(o, rule.min_size) for o in ids], task.margin)
        for name, ids in found.items()
    }
    for name, values in scores.items():
        inside = [p > 0.5 for p in probability] if name != "own" else [o > 0 for o in objects]
        values["iou"] = foreground_iou(pairs, inside)
    return scores


def cut(probability: Array, rule: Objects) -> Array:
    """Objects of one image, as our own models make them from a probability (y, x)."""
    return objects_from_probability(
        np.stack([1 - probability, probability]),
        rule.min_size,
        split_depth=rule.split_depth,
        largest_hole=rule.largest_hole,
    )


def membrane_scores(pairs: Sequence[Pair], probability: Sequence[Array]) -> Scores:
    """IoU of membrane and cell, and the Rand error 1 - V^Rand; means over slices.

    At threshold 0.5; at the one threshold of 0.1 .. 0.9 that is best for all test slices together
    (``_test_optimal``, as in the challenge); and with a threshold for each slice
    (``_test_optimal_by_slice``). No user could know the latter two.
    """
    both = [(p, pair.labels) for p, pair in zip(probability, pairs, strict=True)]

    def error(p: Array, truth: Array, threshold: float, which: int) -> float:
        return 1 - float(iou(confusion((p > threshold).astype(np.uint8), truth, 2))[which])

    membrane, cell = partial(error, which=0), partial(error, which=1)
    rand = {t: [em.rand_error(p, truth, t) for p, truth in both] for t in em.THRESHOLDS}
    best = min(em.THRESHOLDS, key=lambda t: float(np.mean(rand[t])))
    return {
        "membrane_iou": 1 - float(np.mean([membrane(*one, 0.5) for one in both])),
        "cell_iou": 1 - float(np.mean([cell(*one, 0.5) for one in both])),
        "rand_error": float(np.mean(rand[0.5])),
        "rand_error_test_optimal": float(np.mean(rand[best])),
        "rand_threshold_test_optimal": best,
        "rand_error_test_optimal_by_slice": float(np.min(list(rand.values()), axis=0).mean()),
        "membrane_iou_test_optimal": 1 - em.best_threshold(membrane, both).error,
        "cell_iou_test_optimal": 1 - em.best_threshold(cell, both).error,
    }


def object_scores(pairs: Sequence[Pair], objects: Sequence[Array], margin: int) -> Scores:
    """AP at IoU 0.5 and SEG, both pooled over the images; specks are dropped already.

    An object without a partner counts as invented unless most of it lies within ``margin`` pixels
    of the border, where cells are seen but not labelled.
    """
    matched, cells = Matching(0, 0, 0), CellScores()
    for ids, pair in zip(objects, pairs, strict=True):
        matched += _matching(ids, pair.labels, margin)
        cells += cell_scores(ids, pair.labels)
    return {
        "ap50": matched.ap,
        "seg": cells.seg,
        "tp": matched.tp,
        "fp": matched.fp,
        "fn": matched.fn,
    }


def _matching(ids: Array, truth: Array, margin: int) -> Matching:
    overlaps = measure_overlaps(ids, truth)
    rows, columns, _ = overlaps.pairs(0.5)
    inside = np.zeros(ids.shape, bool)
    inside[tuple(slice(margin, n - margin) for n in ids.shape)] = True
    size = np.bincount(ids.ravel())[overlaps.prediction]
    within = np.bincount(ids[inside].ravel(), minlength=int(ids.max(initial=0)) + 1)
    invented = 2 * within[overlaps.prediction] >= size
    invented[columns] = False
    return Matching(len(rows), int(invented.sum()), len(overlaps.truth) - len(rows))


def foreground_iou(pairs: Sequence[Pair], inside: Sequence[Array]) -> float:
    """IoU of everything inside an object, over the pixels of all images."""
    hit = sum(int((i & (p.labels > 0)).sum()) for i, p in zip(inside, pairs, strict=True))
    either = sum(int((i | (p.labels > 0)).sum()) for i, p in zip(inside, pairs, strict=True))
    return hit / either if either else float("nan")
