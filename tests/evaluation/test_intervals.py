"""Intervals of pooled scores, checked by simulation: do they cover the score of the whole?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.evaluation.intervals import mean_iou, pieces, score_interval
from napari_unet.evaluation.overlap import confusion


def field(generator: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(generator.standard_normal((size, size)), sigma, mode="wrap")
    return noise / noise.std()


def cells_and_prediction(
    generator: np.random.Generator, size: int, sigma: float, errors: float
) -> tuple[np.ndarray, np.ndarray]:
    """Blobs, and a prediction of them whose errors come in patches."""
    truth = field(generator, size, sigma)
    found = np.sqrt(1 - 0.35**2) * truth + 0.35 * field(generator, size, errors)
    return (truth > 0.3).astype(np.uint8), (found > 0.3).astype(np.uint8)


def coverage(
    sigma: float, errors: float, blocks: int, side: int, runs: int = 250
) -> tuple[float, float]:
    """(part of the runs in which something is said, part of these in which it is right).

    Many small worlds, for blocks of one large one would overlap and the runs be no repetitions.
    """
    generator = np.random.default_rng(0)
    size = 320
    worlds = [cells_and_prediction(generator, size, sigma, errors) for _ in range(30)]
    true = float(mean_iou(sum(confusion(p, t, 2) for t, p in worlds), [0, 1]))
    said = hits = 0
    for _ in range(runs):
        tables = {}
        for number in range(blocks):
            truth, found = worlds[generator.integers(len(worlds))]
            y, x = generator.integers(0, size - side, 2)
            tables[(f"image {number}", ())] = [
                confusion(found[a:b, c:d], truth[a:b, c:d], 2)
                for (a, b), (c, d) in pieces(((y, y + side), (x, x + side)))
            ]
        interval = score_interval(tables)
        if interval.low is not None and interval.high is not None:
            said += 1
            hits += interval.low <= true <= interval.high
    return said / runs, hits / said


@pytest.mark.parametrize(
    ("sigma", "errors", "blocks", "side", "least"),
    [
        (3, 3, 1, 85, 0.91),  # four pieces of one block
        (8, 8, 1, 85, 0.87),
        (8, 8, 3, 85, 0.90),
        (8, 20, 3, 85, 0.82),  # errors in patches larger than a piece: too narrow, as is said
        (8, 8, 3, 42, 0.90),  # blocks too small to cut: three units
        (8, 20, 8, 85, 0.91),
        (8, 8, 1, 256, 0.90),
    ],
)
def test_coverage(sigma: float, errors: float, blocks: int, side: int, least: float) -> None:
    said, covered = coverage(sigma, errors, blocks, side)
    assert said >= 0.8
    assert least <= covered


def test_pieces_tile_the_box() -> None:
    assert len(pieces(((0, 31), (0, 33)))) == 1
    assert len(pieces(((10, 95), (0, 600)))) == 2 * 4
    painted = np.zeros((20, 85, 170), int)
    for (a, b), (c, d), (e, f) in pieces(((0, 20), (0, 85), (0, 170))):
        painted[a:b, c:d, e:f] += 1
    assert (painted == 1).all()


def table(right: int, wrong: int) -> np.ndarray:
    return np.array([[right, wrong], [wrong, right]])


def test_images_count_where_there_are_enough_then_planes_then_pieces() -> None:
    generator = np.random.default_rng(0)

    def some(count: int) -> list[np.ndarray]:
        return [table(90, int(generator.integers(1, 20))) for _ in range(count)]

    images = {(f"i{n}", ()): some(4) for n in range(6)}
    assert (score_interval(images).unit, score_interval(images).count) == ("image", 6)
    planes = {("stack", (n,)): some(4) for n in range(7)}
    found = score_interval(planes)
    assert (found.unit, found.count, found.images) == ("plane", 7, 1)
    few = {(f"i{n}", ()): some(4) for n in range(2)}
    assert (score_interval(few).unit, score_interval(few).count) == ("piece", 8)


def test_it_says_when_it_cannot_say() -> None:
    empty = np.zeros((2, 2), int)
    few = score_interval({("a", ()): [table(9, 1), table(8, 2), empty]})
    assert few.low is None
    assert few.count == 2
    assert "3 pieces" in few.reason
    one_sided = [np.array([[9, n], [0, 0]]) for n in range(5)]
    assert "class 1" in score_interval({("a", ()): [*one_sided, table(9, 1)]}).reason
    assert "the same" in score_interval({("a", ()): [table(9, 1)] * 5}).reason
    lopsided = [table(10**6, 10), table(9, 1), table(8, 2)]
    assert "one piece" in score_interval({("a", ()): lopsided}).reason
    assert score_interval({}).images == 0
