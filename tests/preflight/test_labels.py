"""Things that people do wrong with labels: each is recognised, and one click mends it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.draw import disk

from napari_unet.annotations.kinds import LabelKind
from napari_unet.preflight import fix_together, lint_labels
from napari_unet.preflight.form import from_colours

SHAPE = (96, 128)
CENTRES = [(20, 20), (20, 60), (20, 100), (60, 20), (60, 60), (60, 100)]


def cells(dtype: Any = np.int32) -> np.ndarray:
    """Six discs with ids 1 to 6."""
    made = np.zeros(SHAPE, dtype)
    for number, centre in enumerate(CENTRES, 1):
        made[disk(centre, 10)] = number
    return made


def classes() -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    made[disk((30, 30), 20)] = 1
    made[disk((60, 100), 15)] = 2
    return made


def changed(array: np.ndarray, place: Any, value: int) -> np.ndarray:
    array[place] = value
    return array


def two_with_one_id() -> np.ndarray:
    made = cells()
    made[made == 6] = 1
    return made


def merged() -> np.ndarray:
    made = cells()
    made[disk((20, 38), 10)] = 1  # touches the first one
    return np.where(made == 2, 2, made)


def compressed() -> np.ndarray:
    """A mask that went through JPEG."""
    made = np.where(cells() > 0, 250, 3)
    noise = np.random.default_rng(0).integers(0, 40, SHAPE)
    edge = np.abs(np.gradient(made.astype(float))[0]) > 0
    return np.where(edge, made // 2 + noise, made).astype(np.uint8)


def colours() -> np.ndarray:
    made = np.zeros((*SHAPE, 3), np.uint8)
    made[classes() == 1] = (255, 0, 0)
    made[classes() == 2] = (0, 255, 0)
    return made


def background_with_an_id() -> np.ndarray:
    return cells() + 1


def wrong_things() -> list[tuple[str, np.ndarray, LabelKind]]:
    probability = np.where(cells() > 0, 0.9, 0.1).astype(np.float32)
    lost = cells().astype(np.float32)
    lost[0, :5] = np.nan
    larger = np.zeros((120, 128), np.int32)
    larger[:96] = cells()
    larger[100:110, 10:30] = 7
    return [
        ("mask-0-255", ((cells() > 0) * 255).astype(np.uint8), "classes"),
        ("mask-0-255", ((cells() > 0) * 255).astype(np.uint8), "scribbles"),
        ("mask-0-255", ((cells() > 0) * 255).astype(np.uint8), "objects"),
        ("binary-objects", (cells() > 0).astype(np.uint8), "objects"),
        ("split-object", two_with_one_id(), "objects"),
        ("merged-objects", merged(), "objects"),
        ("specks", changed(cells(), (slice(90, 92), slice(120, 121)), 9), "objects"),
        ("specks", changed(classes(), (90, 120), 2), "classes"),
        ("holes", changed(cells(), (20, 20), 0), "objects"),
        ("background-id", background_with_an_id(), "objects"),
        ("classes-as-objects", np.tile(classes()[::4, ::4], (4, 4)), "objects"),
        ("too-many-classes", cells().astype(np.int32) * 40, "classes"),
        ("too-many-classes", compressed(), "classes"),
        ("class-gap", np.where(classes() == 2, 5, classes()), "classes"),
        ("counted-from-1", classes() + 1, "classes"),
        ("negative", changed(cells(), (slice(0, 3), slice(0, 3)), -1), "objects"),
        ("negative", changed(classes().astype(int), (0, slice(0, 9)), -1), "classes"),
        ("float-labels", cells(np.float32), "objects"),
        ("float-labels", probability, "classes"),
        ("not-a-number", lost, "objects"),
        ("colours", colours(), "classes"),
        ("size", cells().T, "objects"),
        ("size", cells()[None], "objects"),
        ("size", np.kron(cells(), np.ones((2, 2), int)), "objects"),
        ("outside", larger, "objects"),
    ]


WRONG = wrong_things()


@pytest.mark.parametrize(("code", "labels", "kind"), WRONG, ids=[f"{w[0]}-{w[2]}" for w in WRONG])
def test_what_is_wrong_is_recognised_and_mended_by_one_click(
    code: str, labels: np.ndarray, kind: LabelKind
) -> None:
    before = labels.copy()
    found = {issue.code: issue for issue in lint_labels(labels, kind, SHAPE)}
    assert code in found
    issue = found[code]
    assert issue.fix is not None
    assert issue.message.endswith((".", "?"))
    fixed = issue.fix.apply(labels)
    np.testing.assert_array_equal(labels, before)  # the person's own stay as they are
    again = {i.code for i in lint_labels(fixed.labels, fixed.kind, SHAPE)}
    assert code not in again
    assert fixed.labels.any()


@pytest.mark.parametrize(("code", "labels", "kind"), WRONG, ids=[f"{w[0]}-{w[2]}" for w in WRONG])
def test_all_fixes_together_leave_labels_that_can_be_trained_on(
    code: str, labels: np.ndarray, kind: LabelKind
) -> None:
    [mended] = fix_together([(labels, SHAPE)], kind)
    fixed, done = mended.state, mended.done
    assert done
    left = lint_labels(fixed.labels, fixed.kind, SHAPE)
    assert not [i for i in left if i.level == "error"]


def test_there_is_more_than_ten() -> None:
    assert len({code for code, _, _ in WRONG}) >= 10


def test_good_labels_are_left_in_peace() -> None:
    assert lint_labels(cells(), "objects", SHAPE) == []
    assert lint_labels(classes(), "classes", SHAPE) == []
    scribbles = np.zeros(SHAPE, np.uint8)
    scribbles[3:6, 3:100], scribbles[50:56, 20:60] = 1, 2
    assert lint_labels(scribbles, "scribbles", SHAPE) == []
    touching = np.zeros(SHAPE, np.int32)
    touching[10:40, 10:40], touching[10:40, 40:70], touching[40:70, 10:40] = 1, 2, 3
    assert lint_labels(touching, "objects", SHAPE) == []


def test_a_gap_that_another_image_fills_is_none() -> None:
    labels = np.where(classes() == 2, 3, classes())
    assert [i.code for i in lint_labels(labels, "classes", SHAPE)] == ["class-gap"]
    assert lint_labels(labels, "classes", SHAPE, elsewhere={2}) == []


def test_one_id_through_a_stack_is_one_object_a_plane() -> None:
    stack = np.stack([cells(), np.roll(cells(), 3, 0)])
    assert lint_labels(stack, "objects", stack.shape) == []
    stack[1] = two_with_one_id()
    [issue] = lint_labels(stack, "objects", stack.shape)
    assert issue.code == "split-object"
    assert issue.places[0].index == (1,)
    (top, bottom), (left, right) = issue.places[0].box
    assert stack[1, top:bottom, left:right].any()


def test_a_volume_is_looked_at_as_one() -> None:
    volume = np.zeros((12, 40, 40), np.int32)
    volume[1:5, 3:20, 3:20] = 1
    volume[8:12, 3:20, 3:20] = 1
    volume[1:11, 25:39, 25:39] = 2
    [issue] = lint_labels(volume, "objects", volume.shape, dims=3)
    assert issue.code == "split-object"
    assert len(issue.places[0].box) == 3


def test_empty_planes_of_complete_labels() -> None:
    stack = np.stack([classes(), np.zeros(SHAPE, np.uint8)])
    [issue] = lint_labels(stack, "classes", stack.shape, complete=True)
    assert issue.code == "empty-planes"
    assert issue.places[0].index == (1,)
    assert lint_labels(stack, "classes", stack.shape) == []


def test_what_cannot_be_mended_says_so() -> None:
    empty = np.zeros(SHAPE, np.uint8)
    [issue] = lint_labels(empty, "objects", SHAPE)
    assert (issue.code, issue.fix) == ("empty", None)
    image = np.random.default_rng(0).normal(100, 60, SHAPE)
    [issue] = lint_labels(image, "classes", SHAPE)
    assert issue.fix is None
    assert "image" in issue.message
    nothing = np.full(SHAPE, np.nan)
    assert lint_labels(nothing, "classes", SHAPE)[0].level == "error"


def test_few_pixels_of_a_class_are_told_with_their_place() -> None:
    labels = changed(classes(), (slice(80, 84), slice(5, 12)), 3)
    [issue] = lint_labels(labels, "classes", SHAPE)
    assert issue.code == "few-pixels"
    assert issue.places[0].box == ((80, 84), (5, 12))
    assert issue.to_json()["places"] == [{"index": [], "box": [[80, 84], [5, 12]]}]


def test_colours_become_classes() -> None:
    np.testing.assert_array_equal(np.unique(from_colours(colours())), [0, 1, 2])
    assert from_colours(colours())[0, 0] == 0
