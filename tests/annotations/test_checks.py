"""What people get wrong with labels is recognised, repaired where that is safe, and explained."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.annotations.checks import check_labels, holds_other_values, n_classes


def codes(labels: np.ndarray, kind: str, **more: object) -> tuple[np.ndarray, dict[str, str]]:
    repaired, findings = check_labels(labels, kind, labels.shape, **more)  # type: ignore[arg-type]
    for finding in findings:
        assert finding.message.endswith((".", "!"))
    return repaired, {f.code: f.level for f in findings}


def test_a_0_255_mask() -> None:
    mask = np.array([[0, 255, 0, 255]], np.uint8)
    repaired, found = codes(mask, "classes")
    assert repaired.tolist() == [[0, 1, 0, 1]]
    assert found == {"mask-0-255": "note"}
    repaired, found = codes(mask, "objects")
    assert repaired.tolist() == [[0, 1, 0, 2]]
    assert found["mask-0-255"] == "note"
    assert codes(mask, "scribbles")[1]["mask-0-255"] == "error"


def test_255_in_a_part_of_classes_is_not_labelled() -> None:
    part = np.array([[0, 255, 0, 255]], np.uint8)
    repaired, found = codes(part, "classes", mask=False)
    assert repaired.tolist() == part.tolist()
    assert found == {}
    assert codes(part[:, 1:2], "classes", mask=False)[1] == {}
    assert codes(part, "scribbles", mask=False)[1]["mask-0-255"] == "error"
    assert not holds_other_values(part)
    assert holds_other_values(part + 1)


def test_a_binary_mask_where_objects_are_needed() -> None:
    repaired, found = codes(np.array([[0, 1, 0, 1]], np.uint8), "objects")
    assert repaired.tolist() == [[0, 1, 0, 2]]
    assert found == {"binary-objects": "note"}


@pytest.mark.parametrize(
    ("labels", "kind", "code"),
    [
        (np.array([[0.5, 1.0]]), "classes", "float-labels"),
        (np.array([[np.nan, 1.0]]), "classes", "float-labels"),
        (np.zeros((3, 3), int), "objects", "empty"),
        (np.array([[-1, 2]]), "classes", "negative"),
        (np.arange(500).reshape(20, 25), "classes", "too-many-classes"),
    ],
)
def test_what_cannot_be_used(labels: np.ndarray, kind: str, code: str) -> None:
    _, found = codes(labels, kind)
    assert found[code] == "error"


def test_labels_of_another_size() -> None:
    _, [finding] = check_labels(np.ones((3, 4), int), "classes", (4, 4))
    assert (finding.code, finding.level) == ("size", "error")
    assert "3 x 4" in finding.message
    assert "4 x 4" in finding.message


def test_whole_floats_are_taken_with_a_note() -> None:
    repaired, found = codes(np.array([[0.0, 1.0, 2.0]]), "classes")
    assert repaired.dtype == np.uint8
    assert found == {"float-labels": "note"}


def test_missing_classes_and_background() -> None:
    assert codes(np.array([[0, 2]], np.uint8), "classes")[1] == {"missing-class": "note"}
    assert codes(np.array([[0, 2]], np.uint8), "scribbles")[1] == {"no-background": "note"}
    assert codes(np.array([[0, 1]], np.uint8), "classes", classes=3)[1] == {"missing-class": "note"}


def test_good_labels_have_no_findings_and_stay() -> None:
    for kind, labels in (
        ("scribbles", [[0, 1, 2]]),
        ("classes", [[0, 1, 2]]),
        ("objects", [[0, 7, 9]]),
    ):
        repaired, found = codes(np.array(labels, np.uint16), kind)
        assert repaired.tolist() == labels
        assert not found


def test_large_ids_become_int32() -> None:
    repaired, _ = codes(np.array([[0, 5, 2**40]], np.int64), "objects")
    assert repaired.dtype == np.int32
    assert repaired.tolist() == [[0, 1, 2]]


def test_counting_classes() -> None:
    assert n_classes([np.array([0, 3, 255])], "classes") == 4
    assert n_classes([np.array([0, 3])], "scribbles") == 3
    assert n_classes([np.array([0, 1])], "scribbles") == 2
    assert n_classes([np.array([0, 99])], "objects") == 2
