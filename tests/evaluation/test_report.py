"""The report of ``evaluate``: fixed keys, every metric by its own module's function."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.errors import UserError
from napari_unet.evaluation import ctc, em, matching, overlap
from napari_unet.evaluation.boundary import boundary_match, hausdorff
from napari_unet.evaluation.calibration import expected_calibration_error
from napari_unet.evaluation.cases import Case, as_classes
from napari_unet.evaluation.metrics import METRICS, known_metrics
from napari_unet.evaluation.report import evaluate
from napari_unet.evaluation.statistics import bootstrap_interval

TRUTH = np.array([[0, 0, 1, 1]])
CLOSE = np.array([[0, 1, 1, 1]])


def example(seed: int, shape: tuple[int, ...] = (24, 26)) -> tuple[np.ndarray, np.ndarray]:
    """(probability of class 1, truth mask), smooth."""
    rng = np.random.default_rng(seed)
    field, noise = (ndimage.gaussian_filter(n, 1.5) for n in rng.normal(size=(2, *shape)))
    field, noise = field / field.std(), noise / noise.std()
    return 1 / (1 + np.exp(-2 * field - noise)), field > 0


def test_by_image_mean_and_pooled() -> None:
    empty = np.zeros((1, 4), int)
    some = ["iou", "dice", "pixel_error", "iou_<class>"]
    report = evaluate([("a", CLOSE, TRUTH), ("b", empty, empty)], "classes", some)
    first, second = report["images"]
    assert first == {
        "name": "a",
        "iou": pytest.approx(2 / 3),
        "dice": pytest.approx(0.8),
        "pixel_error": 0.25,
        "iou_0": 0.5,
        "iou_1": pytest.approx(2 / 3),
    }
    assert second["iou"] is None
    assert second["iou_0"] == 1
    assert report["mean"]["iou"] == pytest.approx(2 / 3)
    assert report["mean"]["pixel_error"] == 0.125
    assert report["pooled"]["iou_0"] == pytest.approx(5 / 6)
    assert report["interval"]["iou"] is None
    assert report["interval"]["pixel_error"] == list(bootstrap_interval([0.25, 0]))
    json.dumps(report, allow_nan=False)


def test_all_metrics_of_classes() -> None:
    cases = []
    for seed in range(3):
        probability, truth = example(seed)
        both = np.stack([1 - probability, probability])
        cases.append(Case(str(seed), both.argmax(0), truth.astype(int), both, None, (0.5, 0.25)))
    report = evaluate(cases, "classes")
    optimal = [name for name, metric in METRICS.items() if metric.asked]
    assert len(optimal) == 4
    by_class = ["iou_0", "iou_1", "dice_0", "dice_1"]
    expected = [n for n in known_metrics("classes") if n not in optimal and "<" not in n]
    assert list(report["mean"]) == [*expected, *by_class]
    for case, scores in zip(cases, report["images"], strict=True):
        p, t = case.prediction, case.truth
        table = overlap.confusion(p, t, 2)
        assert scores["dice_1"] == scores["dice"] == overlap.dice(table)[1]
        assert scores["volume_error"] == abs(overlap.volume_difference(table))
        assert scores["boundary_f"] == boundary_match(p, t).f
        assert scores["hausdorff95"] == hausdorff(p, t, (0.5, 0.25))
        assert scores["warping_error"] == em.warping_error(p, t)
        assert scores["rand_error"] == em.rand_error(p, t)
        assert scores["v_rand_thin"] == em.by_section(em.v_rand, p, t, thin=True).f
        assert scores["v_info"] == em.by_section(em.v_info, p, t).f
        assert scores["ece"] == expected_calibration_error(case.probability, t)
    spans = report["interval"]
    assert all(spans[k][0] <= report["mean"][k] <= spans[k][1] for k in report["mean"])
    report = evaluate(cases, "classes", optimal)
    pairs = [(c.probability[1], c.truth) for c in cases]
    errors = (em.warping_error, em.rand_error, em.pixel_error, em.pixel_f_error)
    for name, error in zip(optimal, errors, strict=True):
        by_image = [em.best_threshold(error, [pair]).error for pair in pairs]
        assert [i[name] for i in report["images"]] == pytest.approx(by_image)
        best = em.best_threshold(error, pairs).error
        assert report["pooled"][name] == pytest.approx(best)


def test_all_metrics_of_objects() -> None:
    cases = []
    for seed in range(2):
        probability, truth = example(seed)
        ids = [ndimage.label(a)[0] for a in (probability > 0.5, truth)]
        cases.append(Case(str(seed), *ids))
    report = evaluate(cases, "objects")
    assert list(report["mean"]) == known_metrics("objects")
    total = ctc.CellScores()
    for (_, p, t, *_), scores in zip(cases, report["images"], strict=True):
        found = matching.average_precision(p, t)
        assert (scores["ap50"], scores["f1"]) == (found.ap, found.f1)
        assert scores["ap50_95"] == matching.mean_average_precision(p, t)
        assert scores["pq"] == matching.panoptic_quality(p, t).pq
        assert scores["v_rand"] == em.v_rand(p, t).f
        assert scores["pixel_error"] == ((p > 0) != (t > 0)).mean()
        cells = ctc.cell_scores(p, t)
        assert (scores["seg"], scores["det"]) == (cells.seg, cells.det)
        total += cells
    assert report["pooled"]["seg"] == pytest.approx(total.seg)
    assert report["pooled"]["splits"] == sum(i["splits"] for i in report["images"])
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize("kind", ["classes", "objects"])
def test_perfect_and_nothing(kind: str) -> None:
    truth = example(0)[1]
    ids = ndimage.label(truth)[0]
    labels = truth.astype(int) if kind == "classes" else ids
    perfect = evaluate([("a", labels, labels)], kind)["mean"]
    for name, value in perfect.items():
        metric = METRICS[name if name in METRICS else name.partition("_")[0]]
        assert value == pytest.approx(1 if metric.better == "higher" else 0, abs=1e-12), name
    empty = np.zeros_like(labels)
    for pair in ((empty, empty), (empty, labels), (labels, empty)):
        json.dumps(evaluate([("a", *pair)], kind), allow_nan=False)


def test_objects() -> None:
    truth = np.array([[1, 1, 0, 2, 2, 0]])
    found = np.array([[1, 1, 0, 0, 3, 3]])
    report = evaluate([("a", found, truth)], "objects")
    assert report["images"][0]["ap50"] == pytest.approx(1 / 3)
    assert report["pooled"]["ap50"] == pytest.approx(1 / 3)
    assert report["images"][0]["iou"] == pytest.approx(3 / 5)
    assert "iou_0" not in report["mean"]


def test_masks_and_unlabelled_pixels() -> None:
    mask, note = as_classes(np.array([[0, 255]], np.uint8))
    assert mask.tolist() == [[0, 1]]
    assert note is not None
    truth = np.array([[0, 1, 255, 2]], np.uint8)
    report = evaluate([("a", np.array([[0, 1, 1, 2]]), truth)], "classes")
    assert report["images"][0]["pixel_error"] == 0
    assert report["images"][0]["warping_error"] == 0
    report = evaluate([("a", TRUTH, TRUTH * 255)], "classes")
    assert report["images"][0]["iou"] == 1


@pytest.mark.parametrize("kind", ["classes", "objects"])
def test_what_is_ignored_does_not_matter(kind: str) -> None:
    probability, truth = example(3)
    ignore = np.zeros(truth.shape, bool)
    ignore[:, 15:] = True
    prediction, truth = (np.where(ignore, 0, a) for a in (probability > 0.5, truth))
    if kind == "objects":
        prediction, truth = ndimage.label(prediction)[0], ndimage.label(truth)[0]
    scores = []
    for filler in (0, 1 if kind == "classes" else 10_000):
        other = (np.where(ignore, filler, prediction), np.where(ignore, 1 - filler > 0, truth))
        scores.append(evaluate([Case("a", *other, ignore=ignore)], kind)["mean"])
    assert scores[0].keys() == scores[1].keys()
    for name, value in scores[0].items():
        assert scores[1][name] == value, name


def test_frames_are_scored_by_themselves() -> None:
    truth = np.stack(
        [np.pad(np.ones((4, 4), int), ((2, 2), (2, 2 + 4 * k)))[:, :8] for k in (0, 1)]
    )
    renumbered = truth * np.array([1, 7])[:, None, None]
    assert evaluate([Case("a", renumbered, truth, dims=2)], "objects")["mean"]["ap50"] == 1
    assert evaluate([Case("a", renumbered, truth)], "objects")["mean"]["ap50"] == pytest.approx(
        1 / 2
    )
    stack = np.stack([truth, truth])  # t, z, y, x
    report = evaluate([Case("a", stack, stack, spacing=(2.0, 1.0, 1.0))], "objects")
    assert report["mean"]["pq"] == 1
    report = evaluate([Case("a", stack, stack)], "classes")
    assert report["mean"]["warping_error"] == 0


def test_chosen_metrics() -> None:
    report = evaluate([("a", CLOSE, TRUTH)], "classes", ["iou_1", "dice", "iou_5"])
    assert list(report["mean"]) == ["dice", "iou_1", "iou_5"]
    assert report["mean"]["iou_5"] is None
    with pytest.raises(UserError, match="no metric 'ap51'"):
        evaluate([("a", CLOSE, TRUTH)], "objects", ["ap51"])
    with pytest.raises(UserError, match="'seg' is for labels of the kind objects, not classes"):
        evaluate([("a", CLOSE, TRUTH)], "classes", ["seg"])
    with pytest.raises(UserError, match="no metric 'iou_1'"):
        evaluate([("a", CLOSE, TRUTH)], "objects", ["iou_1"])
    with pytest.raises(UserError, match="a: ece needs probabilities"):
        evaluate([("a", CLOSE, TRUTH)], "classes", ["ece"])


def test_wrong_input() -> None:
    with pytest.raises(UserError, match=r"a: .*1 x 3"):
        evaluate([("a", np.zeros((1, 3), int), TRUTH)], "classes")
    with pytest.raises(UserError, match=r"a: .*ignored .*1 x 3"):
        evaluate([Case("a", CLOSE, TRUTH, ignore=np.zeros((1, 3), bool))], "classes")
    with pytest.raises(UserError, match=r"a: .*class has the size 1 x 3"):
        evaluate([Case("a", CLOSE, TRUTH, np.zeros((2, 1, 3)))], "classes")
    with pytest.raises(UserError, match="nothing to score"):
        evaluate([], "classes")
    ids = np.array([[0, 0, 70_000, 70_001]])  # a table of all these would not fit into memory
    with pytest.raises(UserError, match=r"a: .*choose the kind 'objects'"):
        evaluate([("a", ids, TRUTH)], "classes")
