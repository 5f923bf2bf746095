"""What was corrected is remembered, checked, and told when it breaks again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.project.corrections import FILE, Corrections

SHAPE = (20, 30)


def empty() -> np.ndarray:
    return np.full(SHAPE, UNLABELLED, np.uint8)


def square(value: int, top: int = 5, left: int = 5, side: int = 6) -> np.ndarray:
    made = empty()
    made[top : top + side, left : left + side] = value
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def test_fixed_broken_again_and_corrected_again(path: Path) -> None:
    known = Corrections(path)
    background = np.zeros(SHAPE, np.uint8)
    made = known.add("labels-1", (), square(1), background, 40)
    assert made is not None
    one, before = made
    assert before is None
    assert one.box == ((5, 11), (5, 11))
    assert known.summary().text == "0 fixed, 1 not learnt yet."
    right = np.where(square(1) == 1, 1, background).astype(np.uint8)
    assert known.check("labels-1", (), square(1), right) == [one]
    assert known.summary().text == "1 fixed."
    assert known.check("labels-1", (), square(1), background) == [one]
    assert one.state == "broken"
    assert known.summary().text == "0 fixed, 1 broken again."
    again = known.add("labels-1", (), square(1, top=6), background, 90)
    assert again == (one, "broken")
    assert (one.times, one.step, one.state) == (2, 90, "open")
    assert len(known) == 1
    assert len(one.flat) == 42


def test_all_of_it_is_there_after_opening_again(path: Path) -> None:
    known = Corrections(path)
    background = np.zeros(SHAPE, np.uint8)
    known.add("labels-1", (3,), square(1), background, 1)
    known.add("labels-1", (3,), square(2, left=20), background, 2)
    painted = np.minimum(square(1), square(2, left=20))
    known.check("labels-1", (3,), painted, np.ones(SHAPE, np.uint8))
    with path.open("a") as file:
        file.write('{"id": 9, "pix')  # the process died here
    again = Corrections(path)
    assert [(c.id, c.index, c.step) for c in again] == [(c.id, c.index, c.step) for c in known]
    assert again.summary() == known.summary()
    for one, other in zip(again, known, strict=True):
        np.testing.assert_array_equal(one.flat, other.flat)
        np.testing.assert_array_equal(one.wanted, other.wanted)
    assert again.summary().text == "1 fixed, 1 not learnt yet."
    again.add("labels-1", (), square(1), background, 3)
    assert [c.id for c in Corrections(path)] == [3, 2, 1]  # the torn line took nothing with it


def test_what_contradicts_nothing_is_no_correction(path: Path) -> None:
    known = Corrections(path)
    assert known.add("a", (), square(1), np.ones(SHAPE, np.uint8), 1) is None
    assert known.add("a", (), square(1), empty(), 1) is None  # nothing was predicted
    assert known.add("a", (), square(1, side=1), np.zeros(SHAPE, np.uint8), 1) is None
    assert not path.exists()


def test_painting_something_else_there_takes_the_test_back() -> None:
    known = Corrections()
    background = np.zeros(SHAPE, np.uint8)
    one, _ = known.add("a", (), square(1), background, 1)  # type: ignore[misc]
    half = square(1)
    half[5:8] = UNLABELLED
    known.check("a", (), half, background)
    assert one.right == 0
    partly = background.copy()
    partly[8:11, 5:11] = 1
    known.check("a", (), half, partly)
    assert one.state == "fixed"  # only what is still painted counts
    known.check("a", (), empty(), background)
    assert len(known) == 0


def test_a_place_that_was_not_predicted_waits() -> None:
    known = Corrections()
    background = np.zeros(SHAPE, np.uint8)
    one, _ = known.add("a", (), square(1), background, 1)  # type: ignore[misc]
    partly = np.ones(SHAPE, np.uint8)
    partly[:8] = UNLABELLED
    assert known.check("a", (), square(1), partly) == []
    assert one.state == "open"
    assert known.check("b", (), square(1), np.ones(SHAPE, np.uint8)) == []
    assert known.check("a", (1,), square(1), np.ones(SHAPE, np.uint8)) == []


def test_another_project_has_corrections_of_its_own(path: Path, tmp_path: Path) -> None:
    known = Corrections(path)
    known.add("a", (), square(1), np.zeros(SHAPE, np.uint8), 1)
    known.move(tmp_path / "other.jsonl")
    assert len(known) == 0
    known.move(path)
    assert len(known) == 1


def test_lines_of_nonsense_are_left_out(path: Path) -> None:
    path.write_text(
        '[]\nnull\n{"id": 1}\n{"id": "x", "pixels": ""}\n{"id": 2, "state": "fixed"}\n'
        '{"id": 3, "labels": "a", "index": [], "shape": [4, 4], "pixels": "AAAA", "step": 1, '
        '"times": 1}\n'
    )
    assert len(Corrections(path)) == 0
