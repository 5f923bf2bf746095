"""Images of smaller objects are predicted enlarged, everywhere alike."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from small_discs import model_of_discs, scene
from torch import Tensor, nn

from napari_unet import Model
from napari_unet.core import predict_files
from napari_unet.engine.jobs import predict as predict_job
from napari_unet.engine.protocol import ArrayRef, NoticeGiven, Predict, Watch
from napari_unet.engine.watching import Current, Watcher
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.normalise import Normalisation
from napari_unet.networks.geometry import Geometry
from napari_unet.prediction import object_sizes
from napari_unet.prediction.object_sizes import SETTLED, KnownObjects
from napari_unet.prediction.predictor import Predictor

AS_IT_IS = Normalisation("training", (-1.0,), (1.0,))
EXACT: dict[str, Any] = {"device": "cpu", "precision": "float32"}


class Bright(nn.Module):
    """What is above 0 is foreground."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([-20 * x, 20 * x], 1)


def bright(**other: Any) -> Predictor:
    geometry = Geometry(stride=(1, 1), reach=(0, 0), border=(0, 0), base=(1, 1), **other)
    return Predictor(Bright(), geometry, device=torch.device("cpu"))


def size_of(radius: int, known: KnownObjects, side: int = 200, **other: Any) -> Fraction:
    ids = scene(radius, side)[1]
    pixels = np.where(ids, 1, -1).astype(np.float32)
    return known.size_for(Image("i", pixels, "yx"), AS_IT_IS, bright(**other))[0]


@pytest.mark.parametrize(
    ("radius", "size"), [(20, "1"), (10, "1"), (9, "1"), (8, "4/3"), (6, "5/3"), (5, "2"), (4, "2")]
)
def test_as_large_as_those_that_were_learned(radius: int, size: str) -> None:
    assert size_of(radius, KnownObjects(min_size=31, most=2.0)) == Fraction(size)


def test_at_most_as_far_as_the_recipe_says() -> None:
    assert size_of(4, KnownObjects(min_size=31, most=1.4)) == Fraction(4, 3)
    assert size_of(4, KnownObjects(min_size=31, most=1.0)) == 1
    assert size_of(4, KnownObjects(min_size=0, most=2.0)) == 1, "no size is known"
    assert size_of(4, KnownObjects(min_size=31, most=2.0), tile_exact=False) == 1


def test_where_nothing_is_found_the_image_stays_as_it_is() -> None:
    image = Image("i", np.full((50, 60), -1, np.float32), "yx")
    assert KnownObjects(min_size=31, most=2.0).size_for(image, AS_IT_IS, bright())[0] == 1


def test_of_a_large_plane_blocks_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_sizes, "LOOKED_AT", 150)
    monkeypatch.setattr(object_sizes, "BLOCK", 40)
    pixels = np.where(scene(5, 600)[1], 1, -1).astype(np.float32)
    read: list[Any] = []

    class Watched(Image):
        def read(self, *where: Any) -> Any:
            read.append(where[1])
            return super().read(*where)

    known = KnownObjects(min_size=31, most=2.0)
    assert known.size_for(Watched("i", pixels, "yx"), AS_IT_IS, bright()) == (2, {})
    assert len(read) == 9
    assert max(b - a for box in read for a, b in box) <= 40
    assert {box[0] for box in read} == {(80, 120), (280, 320), (480, 520)}


@pytest.mark.parametrize("length", [*range(1025, 1160, 7), 1151, 1152, 5000])
def test_blocks_lie_inside_a_plane_that_is_hardly_longer_than_one_that_is_looked_at_as_a_whole(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Any] = []

    def region(self: Predictor, read: Any, shape: Any, box: Any, tile: Any = None) -> Any:
        looked_at.append(box)
        return np.zeros((2, *(b - a for a, b in box)), np.float32)

    monkeypatch.setattr(Predictor, "region", region)
    image = Image("i", np.zeros((30, length), np.uint8), "yx")
    KnownObjects(min_size=31, most=2.0).size_for(image, AS_IT_IS, bright())
    assert len(looked_at) == 3
    assert {box[0] for box in looked_at} == {(0, 30)}
    assert all(a >= 0 and b - a == 384 and b <= length for _, (a, b) in looked_at)


def test_the_middle_plane_decides_for_all() -> None:
    planes = [np.where(scene(radius, 200)[1], 1, -1) for radius in (10, 5, 10)]
    image = Image("i", np.stack(planes).astype(np.float32), "tyx")
    assert KnownObjects(min_size=31, most=2.0).size_for(image, AS_IT_IS, bright())[0] == 2


def test_a_plane_that_was_looked_at_is_not_predicted_again(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = np.stack([scene(10, seed=seed)[0] for seed in range(3)])
    how: dict[str, Any] = {"axes": "tyx", **EXACT}
    whole = {tile: model.own_size().predict(planes, tile=tile, **how) for tile in (None, 50)}
    shown: list[Any] = []
    probability = Predictor._probability

    def counted(self: Predictor, pixels: Any, *more: Any, **others: Any) -> Any:
        shown.append(pixels.shape)
        return probability(self, pixels, *more, **others)

    monkeypatch.setattr(Predictor, "_probability", counted)
    for tile, tiles in ((None, 1), (50, 9)):
        shown.clear()
        found = model.predict(planes, tile=tile, **how)
        assert len(shown) == 3 * tiles
        np.testing.assert_allclose(found, whole[tile], atol=1e-6)
    # Several views are not what was looked at.
    shown.clear()
    model.predict(planes, rotations=True, **how)
    assert len(shown) == 4


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of_discs()


def test_models_of_objects_enlarge_and_can_do_without(model: Model) -> None:
    assert model.header.enlarge == 2
    small, known = scene(5)[0], scene(10)[0]
    enlarged = model.predict(small, **EXACT)
    plain = model.own_size().predict(small, **EXACT)
    assert np.abs(enlarged - plain).max() > 0.01
    assert model.own_size().network is model.network
    assert model.own_size().fingerprint() != model.fingerprint()
    # Images like those of the training are predicted as they are.
    np.testing.assert_array_equal(
        model.predict(known, **EXACT), model.own_size().predict(known, **EXACT)
    )


def in_the_dock(
    model: Model, pixels: np.ndarray, folder: Path, **more: Any
) -> tuple[Any, list[Any]]:
    """What Predict image gives, and the events of the job."""
    np.save(folder / "out.npy", np.zeros((2, *pixels.shape), np.float32))
    workspace, events = Workspace(), []
    workspace.images["a"] = Image("a", pixels, "yx")

    class Source:
        device, precision = "cpu", "float32"

        def model(self) -> Model:
            return model

    asked = Predict(
        job="1",
        image="a",
        outputs={"probability": ArrayRef(kind="npy", path=str(folder / "out.npy"))},
        tile=64,
        **more,
    )
    for some in predict_job(asked, workspace, Source()):
        events += some
    return np.load(folder / "out.npy"), events


def after(model: Model, steps: int) -> Model:
    """As if it had made so many steps."""
    history = model.header.history.model_copy(update={"steps": steps})
    return Model(model.header.model_copy(update={"history": history}), model.network)


def previewed(
    model: Model, pixels: np.ndarray, folder: Path, *, own_size: bool = False, **when: Any
) -> Any:
    path = folder / "preview.npy"
    np.save(path, np.zeros((2, *pixels.shape), np.float32))
    workspace, events = Workspace(), []
    workspace.images["a"] = Image("a", pixels, "yx")
    watcher = Watcher(workspace, events.append)
    whole = tuple((0, n) for n in pixels.shape)
    array = ArrayRef(kind="npy", path=str(path))
    watcher.watch(Watch(image="a", index=(), box=whole, array=array, own_size=own_size))

    def current() -> Current:
        rule = model.header.rule()
        return Current(model.predictor(**EXACT), rule, 1, lambda: model.known_objects)

    watcher.show(current, **when)
    return np.load(path)


def test_dock_preview_files_and_python_agree(model: Model, tmp_path: Path) -> None:
    pixels = scene(5)[0]
    reference = model.predict(pixels, **EXACT)
    dock, events = in_the_dock(model, pixels, tmp_path)
    np.testing.assert_allclose(dock, reference, atol=1e-5)
    notices = [one.message for one in events if isinstance(one, NoticeGiven)]
    assert len(notices) == 1
    assert "objects are smaller" in notices[0]
    shown = previewed(model, pixels, tmp_path, step=60, training=False)
    np.testing.assert_allclose(shown, reference, atol=1e-5)
    tifffile.imwrite(tmp_path / "i.tif", pixels)
    said = list(predict_files(model, tmp_path / "i.tif", tmp_path / "p", ["probability"], **EXACT))
    with tifffile.TiffFile(tmp_path / "p" / "i.probability.tif") as file:
        np.testing.assert_allclose(file.asarray(), reference, atol=1e-5)
        assert '"enlarged": 2.0' in (file.ome_metadata or "").replace("&quot;", '"')
    assert any("2 times enlarged" in note for one in said for note in one.notes)


def test_the_dock_leaves_images_at_their_own_size_where_the_user_says_so(
    model: Model, tmp_path: Path
) -> None:
    pixels = scene(5)[0]
    plain = model.own_size().predict(pixels, **EXACT)
    dock, events = in_the_dock(model, pixels, tmp_path, own_size=True)
    np.testing.assert_allclose(dock, plain, atol=1e-5)
    assert not [one for one in events if isinstance(one, NoticeGiven)]
    shown = previewed(model, pixels, tmp_path, own_size=True, step=60, training=False)
    np.testing.assert_allclose(shown, plain, atol=1e-5)


def test_a_first_look_leaves_it_to_the_whole_image_to_say_what_was_done(
    model: Model, tmp_path: Path
) -> None:
    pixels = scene(5)[0]
    (height, width), events = pixels.shape, in_the_dock(model, pixels, tmp_path)[1]
    assert not events[-1].result["doubtful"]
    whole = ((0, height), (0, width))
    notices = in_the_dock(model, pixels, tmp_path, box=whole)[1]
    assert not [one for one in notices if isinstance(one, NoticeGiven)]


def test_the_first_steps_predict_images_as_they_are(model: Model, tmp_path: Path) -> None:
    """What they find says little about sizes."""
    pixels = scene(5)[0]
    plain = model.own_size().predict(pixels, **EXACT)
    for steps in (SETTLED - 1, SETTLED):
        one = after(model, steps)
        shown = previewed(one, pixels, tmp_path, step=steps, training=True)
        np.testing.assert_allclose(shown, one.predict(pixels, **EXACT), atol=1e-5)
        assert one.enlarges == (steps == SETTLED)
        assert (np.abs(shown - plain).max() > 0.01) == (steps == SETTLED)


def test_while_training_sizes_are_found_out_whenever_the_steps_have_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    np.save(tmp_path / "p.npy", np.zeros((2, 30, 30), np.float32))
    workspace = Workspace()
    workspace.images["a"] = Image("a", np.zeros((30, 30), np.float32), "yx")
    watcher = Watcher(workspace, lambda event: None)
    array = ArrayRef(kind="npy", path=str(tmp_path / "p.npy"))
    watcher.watch(Watch(image="a", index=(), box=((0, 30), (0, 30)), array=array))
    for step in range(20, 100):

        def objects(step: int = step) -> KnownObjects:
            asked.append(step)
            return KnownObjects()

        current = Current(bright(), AS_IT_IS, 1, objects)
        watcher.show(lambda current=current: current, step, training=True)  # type: ignore[misc]
    assert asked == [20, 40, 80]
    watcher.show(lambda: current, 99, training=False)
    assert asked == [20, 40, 80, 99]
    watcher.show(lambda: current, 99, training=False)
    watcher.reopened("a")
    watcher.show(lambda: current, 99, training=False)
    assert asked == [20, 40, 80, 99, 99]


def test_what_is_said_of_an_image_that_failed_is_not_said_of_the_next(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", scene(5)[0])
    tifffile.imwrite(tmp_path / "in" / "b.tif", scene(10)[0])
    tiles = Model.tiles

    def fail(self: Model, image: Image, *more: Any, **others: Any) -> Any:
        if image.name == "a":
            raise UserError("a cannot be read any further.")
        return tiles(self, image, *more, **others)

    monkeypatch.setattr(Model, "tiles", fail)
    run = predict_files(model, tmp_path / "in", tmp_path / "p", **EXACT)
    first, *_, last = (next(run) for _ in range(2))
    assert "cannot be read any further" in first.problem
    assert last.path.name == "b.tif"
    assert last.notes == ()
    with pytest.raises(UserError, match="1 of 2"):
        next(run)


def test_an_interrupted_prediction_goes_on_at_the_same_size(model: Model, tmp_path: Path) -> None:
    pixels = scene(5, 300)[0]
    tifffile.imwrite(tmp_path / "i.tif", pixels)
    how: dict[str, Any] = {"tile": 64, "resume": True, **EXACT}
    run = predict_files(model, tmp_path / "i.tif", tmp_path / "p", ["probability"], **how)
    for progress in run:
        if progress.tile == 9:
            break
    run.close()
    notes, tiles = [], []
    for progress in predict_files(
        model, tmp_path / "i.tif", tmp_path / "p", ["probability"], **how
    ):
        notes += progress.notes
        tiles.append(progress.tile)
    assert any("the prediction goes on there" in note for note in notes)
    with tifffile.TiffFile(tmp_path / "p" / "i.probability.tif") as file:
        np.testing.assert_allclose(file.asarray(), model.predict(pixels, **EXACT), atol=1e-5)
    again = list(predict_files(model, tmp_path / "i.tif", tmp_path / "p", ["probability"], **how))
    assert "was predicted before" in again[-1].notes[0]
