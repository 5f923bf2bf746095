"""Outlines against going through all pairs of pixels, and against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import hausdorff_distance

from napari_unet.errors import UserError
from napari_unet.evaluation.boundary import BoundaryMatch, boundary, boundary_match, hausdorff

planes = arrays(np.uint8, (6, 7), elements=st.integers(0, 2))
volumes = arrays(np.uint8, (3, 4, 4), elements=st.integers(0, 2))
pairs = st.tuples(planes, planes) | st.tuples(volumes, volumes)
SPACINGS = {2: (0.5, 0.25), 3: (2.0, 0.5, 0.5)}
# Prediction, truth, what is ignored, and what else might stand in the ignored pixels.
frames = st.tuples(planes, planes, arrays(bool, (6, 7)), planes) | st.tuples(
    volumes, volumes, arrays(bool, (3, 4, 4)), volumes
)


def slow_boundary(labels: np.ndarray, edge: bool, ignore: np.ndarray | None = None) -> np.ndarray:
    """Coordinates of the outline, pixel by pixel."""
    found = []
    hidden = np.zeros(labels.shape, bool) if ignore is None else ignore
    for at in np.ndindex(labels.shape):
        if not labels[at] or hidden[at]:
            continue
        for axis in range(labels.ndim):
            for step in (-1, 1):
                there = tuple(x + step * (i == axis) for i, x in enumerate(at))
                inside = all(0 <= x < n for x, n in zip(there, labels.shape, strict=True))
                if (not hidden[there] and labels[there] != labels[at]) if inside else edge:
                    found.append(at)
    return np.array(sorted(set(found)), float).reshape(-1, labels.ndim)


def nearest(of: np.ndarray, to: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    difference = (of[:, None] - to[None]) * spacing
    return np.sqrt((difference**2).sum(-1)).min(1)


@settings(max_examples=50, deadline=None)
@given(pairs, st.sampled_from([0, 0.5, 1.0, 1.5]))
def test_equals_all_pairs_of_pixels(pair: tuple[np.ndarray, np.ndarray], tolerance: float) -> None:
    prediction, truth = pair
    spacing = SPACINGS[truth.ndim]
    p, t = (slow_boundary(a, edge=False) for a in pair)
    assert boundary(prediction).sum() == len(p)
    score = boundary_match(prediction, truth, tolerance, spacing).f
    if len(p) and len(t):
        precision = (nearest(p, t, spacing) <= tolerance).mean()
        recall = (nearest(t, p, spacing) <= tolerance).mean()
        f = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert score == pytest.approx(f, abs=1e-9)
    else:
        assert score == 0 or (np.isnan(score) and len(p) == len(t) == 0)
    p, t = (slow_boundary(a, edge=True) for a in pair)
    distance = hausdorff(prediction, truth, spacing, percentile=95)
    if len(p) and len(t):
        directed = [nearest(p, t, spacing), nearest(t, p, spacing)]
        expected = max(np.percentile(d, 95) for d in directed)
        assert distance == pytest.approx(expected, abs=1e-9)
    elif len(p) or len(t):
        assert distance == pytest.approx(np.linalg.norm(np.multiply(truth.shape, spacing)))
    else:
        assert np.isnan(distance)


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_symmetric_perfect_and_names(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    for score in (lambda x, y: boundary_match(x, y).f, hausdorff):
        assert score(a, b) == pytest.approx(score(b, a), nan_ok=True)
        assert score(np.where(a, 9 - a, 0), b) == pytest.approx(score(a, b), nan_ok=True)
    if a.any():
        assert hausdorff(a, a) == 0
    if boundary(a).any():
        assert boundary_match(a, a, 0).f == 1


def test_equals_scikit_image() -> None:
    rng = np.random.default_rng(0)
    for shape in ((20, 22), (6, 8, 9)):
        a, b = rng.random((2, *shape)) < 0.1
        edges = [boundary(x, edge=True) for x in (a, b)]
        expected = hausdorff_distance(*edges)
        assert hausdorff(a, b, percentile=100) == pytest.approx(expected, abs=1e-9)


def test_by_hand() -> None:
    truth, moved = np.zeros((2, 12, 12), np.uint8)
    truth[2:8, 2:8] = 1
    moved[2:8, 5:11] = 1
    assert hausdorff(moved, truth, percentile=100) == 3
    assert hausdorff(moved, truth, (1, 0.1)) == pytest.approx(0.3)
    assert boundary_match(moved, truth, 3).f == 1
    assert boundary_match(moved, truth, 3, (1, 2)).f < 1
    # Touching objects have an outline between them; objects at the rim have none there.
    touching = np.array([[1, 1, 2, 2]])
    assert boundary(touching).tolist() == [[False, True, True, False]]
    assert boundary(touching, edge=True).all()


def test_volumes_of_flat_pixels_by_hand() -> None:
    truth, found = np.zeros((2, 3, 4, 10), np.uint8)
    flat = (2, 0.5, 0.25)
    found[0, 1, 1] = truth[1, 3, 9] = 1
    assert hausdorff(found, truth, flat) == 3  # 1 * 2, 2 * 0.5 and 8 * 0.25
    assert boundary_match(found, truth, 3, flat).f == 1
    assert boundary_match(found, truth, 2.9, flat).f == 0
    # Beside the plane is farther than five pixels along it.
    found, truth = np.zeros((2, 3, 4, 10), np.uint8)
    found[1, 1, 1] = truth[2, 1, 1] = truth[1, 1, 6] = 1
    assert boundary_match(found, truth, 1.25, flat) == BoundaryMatch(1, 1, 1, 2)
    assert boundary_match(found, truth, 1.2, flat) == BoundaryMatch(0, 1, 0, 2)
    assert hausdorff(found, truth, flat, percentile=100) == 2
    assert hausdorff(found, truth, percentile=100) == 5


@settings(max_examples=50, deadline=None)
@given(frames)
def test_ignored_pixels_do_not_matter(frame: tuple[np.ndarray, ...]) -> None:
    prediction, truth, ignore, other = frame
    for edge in (False, True):
        expected = slow_boundary(truth, edge, ignore)
        np.testing.assert_array_equal(np.argwhere(boundary(truth, ignore, edge=edge)), expected)
    changed = [np.where(ignore, a, b) for a, b in ((other, prediction), (2 - other, truth))]
    spacing = SPACINGS[truth.ndim]
    match = boundary_match(prediction, truth, 0.5, spacing, ignore)
    assert boundary_match(*changed, 0.5, spacing, ignore) == match
    distance = hausdorff(prediction, truth, spacing, 95, ignore)
    assert hausdorff(*changed, spacing, 95, ignore) == pytest.approx(distance, abs=0, nan_ok=True)


def test_ignored_pixels_make_no_outline() -> None:
    truth, prediction = np.array([[1, 1, 1, 0, 0]]), np.array([[1, 1, 0, 0, 0]])
    ignore = np.array([[0, 0, 1, 0, 0]], bool)
    assert np.isnan(boundary_match(prediction, truth, ignore=ignore).f)
    assert hausdorff(prediction, truth, ignore=ignore) == 0


def test_sums_and_wrong_input() -> None:
    match = BoundaryMatch(1, 2, 3, 3)
    assert match.f == pytest.approx(2 / 3)
    assert (match + match).f == match.f
    assert BoundaryMatch(0, 2, 0, 3).f == 0
    empty = np.zeros((3, 3), int)
    with pytest.raises(UserError, match="2 positive"):
        hausdorff(empty, empty, (1, 1, 1))
    with pytest.raises(UserError, match="equal"):
        boundary_match(empty, empty[:2])
