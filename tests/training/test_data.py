"""Planes, windows, hold-outs, batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_training import data_of, labelled, recipe

from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.normalise import choose_normalisation
from napari_unet.training.data import LabelledImage, TrainingData
from napari_unet.training.plane import HeldOut
from napari_unet.training.sampler import draw_batch
from napari_unet.training.validation import GUARD, apply_hold_out, plan_hold_out


def test_scribbles_leave_the_rest_unlabelled() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    data = data_of([one])
    [plane] = data.planes.values()
    raw = one.labels.data
    inside = tuple(slice(a, b) for a, b in plane.window)
    assert (plane.truth[raw[inside] == 0] == UNLABELLED).all()
    assert (plane.truth[raw[inside] == 2] == 1).all()


def test_windows_read_like_the_whole_plane_and_nothing_outside() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    labels = np.zeros((64, 64), np.uint8)
    labels[20:30, 25:35] = 1
    labels[22, 27] = 2
    data = data_of([LabelledImage(one.image, Image("image0", labels, "yx"), "scribbles")])
    [plane] = data.planes.values()
    assert plane.window == ((20, 30), (25, 35))
    read = plane.read_labels(((-5, 70), (10, 40)))
    expected = np.full((75, 30), UNLABELLED, float)
    expected[25:35, 15:25] = labels[20:30, 25:35].astype(int) - 1
    np.testing.assert_array_equal(read[0], expected)
    far = plane.read_labels(((100, 110), (-30, -10)))
    assert (far[0] == UNLABELLED).all()


@pytest.mark.parametrize("kind", ["scribbles", "classes", "objects"])
def test_a_plane_without_objects_that_is_fully_annotated_is_background(kind: LabelKind) -> None:
    labels, regions = np.zeros((2, 64, 64), np.uint8), np.zeros((2, 64, 64), np.uint8)
    labels[0, 10:20, 10:20], labels[0, 30:40, 10:20] = 1, 2
    regions[1, 8:40, 8:48] = 1  # a frame in which there are no cells
    image = Image("cells", np.random.default_rng(0).random((2, 64, 64), np.float32), "tyx")
    masks = Image("cells", regions, "tyx")
    data = data_of([LabelledImage(image, Image("cells", labels, "tyx"), kind, regions=masks)])
    plane = data.planes["cells", (1,)]
    assert plane.window == ((8, 40), (8, 48))
    assert not plane.truth.any()
    assert not data.notes
    regions[1] = 0
    assert data.refresh("cells", (1,)) is None


def test_objects_bring_boundary_weights_and_sizes() -> None:
    data = data_of(labelled(kind="objects"))
    [plane] = data.planes.values()
    assert plane.boundary is not None
    assert plane.boundary.max() > 0
    assert data.median_object_size() > 10
    assert data_of(labelled(kind="classes")).median_object_size() == 0


def test_holes_of_labelled_objects_are_not_filled() -> None:
    y, x = np.mgrid[:64, :64]
    ids = np.zeros((64, 64), np.uint8)
    for number, middle in enumerate((16, 47), 1):
        distance = np.hypot(y - middle, x - middle)
        ids[(distance < 13) & (distance >= 7)] = number
    hole = int((np.hypot(y - 16, x - 16) < 7).sum())
    [one] = labelled(kind="objects")

    def data(ids: np.ndarray, complete: bool) -> TrainingData:
        return data_of([LabelledImage(one.image, Image("image0", ids, "yx"), "objects", complete)])

    assert data(ids, True).largest_hole() == hole // 2
    assert data(np.where(np.hypot(y - 16, x - 16) < 7, 1, ids), True).largest_hole() == hole // 2
    # Nobody said that the holes are background.
    unknown = data(ids, False)
    assert unknown.largest_hole() == round(unknown.median_object_size())
    assert data_of(labelled(kind="classes")).largest_hole() == 0


@pytest.mark.parametrize("voxel", [(), (4.0, 1.0, 1.0)])
def test_necks_are_as_deep_as_the_voxels_are_long(voxel: tuple[float, ...]) -> None:
    z, y, x = np.meshgrid(np.arange(0, 68, 4), np.arange(44), np.arange(44), indexing="ij")
    middle = (y - 22) ** 2 + (x - 22) ** 2
    one_object = ((z - 20) ** 2 + middle < 196) | ((z - 44) ** 2 + middle < 196)
    image = Image("image0", one_object.astype(np.uint8) * 200, "zyx", 3)
    labels = Image("image0", one_object.astype(np.uint8), "zyx", 3)
    data = TrainingData(choose_normalisation([image]), voxel=voxel)
    data.add(LabelledImage(image, labels, "objects", True))
    # Only where slices are thick is there a neck along z, which must not be cut here.
    assert data.split_depth() == (9.0 if voxel else 0.75)


def test_new_labels_are_seen_after_refresh() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    data = data_of([one])
    one.labels.data[...] = 0
    assert data.refresh("image0", ()) is None
    with pytest.raises(UserError, match="Nothing is labelled"):
        data.check()
    one.labels.data[5:9, 5:9] = 3
    data.refresh("image0", ())
    assert data.classes() == 3
    with pytest.raises(UserError, match="Only class 2"):
        data.check()


def test_a_hold_out_and_its_guard_are_never_sampled() -> None:
    data = data_of(labelled(2, size=96))
    plan = plan_hold_out(data, 0)
    assert plan == plan_hold_out(data, 0)
    assert any(plan.values())
    apply_hold_out(data, plan)
    for plane in data.planes.values():
        if plane.held_out is None:
            continue
        (a, b), (c, d) = plane.held_out.box
        assert (plane.classes[a:b, c:d] == UNLABELLED).all()
        assert (plane.truth[a:b, c:d] != UNLABELLED).all()
        for places in plane.candidates.values():
            rows, columns = np.unravel_index(places, plane.truth.shape)
            inside = (rows >= a - GUARD) & (rows < b + GUARD)
            inside &= (columns >= c - GUARD) & (columns < d + GUARD)
            assert not inside.any()


def test_with_many_images_whole_ones_are_held_out() -> None:
    data = data_of(labelled(8))
    plan = plan_hold_out(data, 0)
    held = [key for key, value in plan.items() if value is not None]
    assert len(held) == 1
    assert plan[held[0]] == HeldOut(((0, 64), (0, 64)))


def test_a_stack_holds_out_its_end_behind_a_guard_plane() -> None:
    image, ids = np.zeros((10, 40, 40), np.uint8), np.zeros((10, 40, 40), np.uint8)
    image[:, 10:20], ids[:, 10:20] = 200, 1
    one = LabelledImage(Image("stack", image, "zyx"), Image("stack", ids, "zyx"), "classes", True)
    plan = plan_hold_out(data_of([one]), 0)
    assert [i for (_, (i,)), held in plan.items() if held and held.scored] == [9]
    assert [i for (_, (i,)), held in plan.items() if held and not held.scored] == [8]


def test_too_few_labels_are_all_trained_on() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    labels = np.zeros((64, 64), np.uint8)
    labels[3:6, 3:9], labels[50:53, 40:44] = 1, 2
    data = data_of([LabelledImage(one.image, Image("image0", labels, "yx"), "scribbles")])
    assert not any(plan_hold_out(data, 0).values())


@pytest.mark.parametrize("border", [0, 6])
def test_batches(border: int) -> None:
    data = data_of(labelled(2, kind="scribbles", complete=False))
    balance = torch.from_numpy(data.balance(2, 0.5))
    batch = draw_batch(
        data,
        recipe(),
        batch=3,
        output=(24, 24),
        border=(border, border),
        balance=balance,
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
    )
    side = 24 + 2 * border
    assert batch.images.shape == (3, 1, side, side)
    assert batch.classes.shape == batch.weights.shape == (3, 24, 24)
    assert set(batch.classes.unique().tolist()) <= {0, 1}
    assert (batch.weights > 0).any()
    assert (batch.weights == 0).any()


def stack_of(labels: np.ndarray, name: str = "stack", complete: bool = True) -> LabelledImage:
    grey = np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.uint8)
    axes = "tyx"[-labels.ndim :]
    image, marked = Image(name, grey, axes), Image(name, labels, axes)
    return LabelledImage(image, marked, "classes", complete)


@pytest.mark.parametrize("first", [0, 1])
def test_255_is_not_labelled_in_any_plane_of_a_stack_of_classes(first: int) -> None:
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[first, 10:30, 10:30] = 1
    labels[:2, 40:] = 255
    labels[2] = 255
    data = data_of([stack_of(labels)])
    unlabelled = 24 * 64
    assert {key: plane.labelled[:2].tolist() for key, plane in data.planes.items()} == {
        ("stack", (first,)): [64 * 64 - unlabelled - 400, 400],
        ("stack", (1 - first,)): [64 * 64 - unlabelled, 0],
    }
    assert not data.notes


def test_a_stack_of_0_and_255_is_a_mask() -> None:
    labels = np.zeros((2, 64, 64), np.uint8)
    labels[0, 40:] = 255
    data = data_of([stack_of(labels)])
    assert [plane.labelled[:2].tolist() for plane in data.planes.values()] == [
        [40 * 64, 24 * 64],
        [64 * 64, 0],
    ]
    assert "255 was taken as class 1" in data.notes[0]


@pytest.mark.parametrize("complete", [True, False])
def test_what_was_taken_as_a_mask_is_read_again_when_other_values_come(complete: bool) -> None:
    labels = np.zeros((2, 64, 64), np.uint8)
    labels[:, 40:] = 255
    data = data_of([stack_of(labels, complete=complete)])
    assert data.planes["stack", (1,)].labelled[1] == 24 * 64
    data.planes["stack", (1,)].hold_out(HeldOut(((0, 16), (0, 16))), 4)
    labels[0, 10:20] = 1
    data.refresh("stack", (0,))
    assert data.planes["stack", (0,)].labelled[1] == 640
    if complete:
        again = data.planes["stack", (1,)]
        assert again.labelled[:2].tolist() == [40 * 64, 0]
        assert again.trained[0] == 40 * 64 - 20 * 20
    else:  # of background or class 1 nothing is known there
        assert ("stack", (1,)) not in data.planes
    assert "255 counts as not labelled" in data.notes[-1]


def test_a_mask_beside_classes_of_another_image() -> None:
    """Where 255 is not labelled in one image it is so in all; else each is what it looks like."""
    mask = np.zeros((64, 64), np.uint8)
    mask[40:] = 255
    classes = mask // 255
    data = data_of([stack_of(mask, "mask"), stack_of(classes, "classes")])
    assert data.planes["mask", ()].labelled[1] == 24 * 64
    classes[:10] = 255
    data.refresh("classes", ())
    assert data.planes["mask", ()].labelled[1] == 0
    assert "all images alike" in data.notes[-1]
