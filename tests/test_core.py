"""Training and predicting from paths, arrays and images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

import napari_unet as nu
from napari_unet.core import (
    FileProgress,
    finish,
    make_trainer,
    open_images,
    open_labelled,
    parse_seconds,
    predict_files,
    prepare,
)
from napari_unet.core.sources import guess_kind
from napari_unet.errors import UserError
from napari_unet.images import normalise
from napari_unet.images.image import Image
from napari_unet.images.reading import read_image
from napari_unet.model import file
from napari_unet.model.model import Model
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Finished, Fitted, Notice, Progress, Started
from napari_unet.training.presets import preset

FAST: dict[str, Any] = {
    "steps": 2,
    "tile": 32,
    "batch": 1,
    "arguments": {"width": 4, "depth": 2},
    "device": "cpu",
    "precision": "float32",
}

Array = npt.NDArray[Any]


def squares(size: int = 64, seed: int = 0) -> tuple[Array, Array]:
    """Bright squares with noise, and their ids."""
    labels = np.zeros((size, size), np.uint16)
    for i in range(4):
        y, x = divmod(i, 2)
        labels[y * 30 + 6 : y * 30 + 24, x * 30 + 6 : x * 30 + 24] = i + 1
    noise = np.random.default_rng(seed).normal(60, 20, labels.shape)
    return (noise + 120 * (labels > 0)).clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """``images`` and ``masks`` (0/255) with a.tif and b.tif."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for seed, name in enumerate("ab"):
        image, labels = squares(seed=seed)
        tifffile.imwrite(images / f"{name}.tif", image)
        tifffile.imwrite(masks / f"{name}.tif", (labels > 0).astype(np.uint8) * 255)
    return images, masks


@pytest.fixture(scope="module")
def model() -> Model:
    image, labels = squares()
    return nu.train(image, labels, kind="objects", **FAST)


def weights_equal(a: Model, b: Model) -> bool:
    x, y = a.network.state_dict(), b.network.state_dict()
    return x.keys() == y.keys() and all(bool((x[k] == y[k]).all()) for k in x)


# ------------------------------------------------------------------ what is handed over


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("2m", 120), (60, 60), ("1h", 3600), (0.5, 0.5), ("1.5 min", 90), ("30", 30)],
)
def test_times(text: str | float, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3s", "0", "2 weeks", "1e3", "nan", "5s5"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="write it as 60s, 2m or 1h"):
        parse_seconds(text)


def test_arrays_images_and_paths_are_the_same_thing(folders: tuple[Path, Path]) -> None:
    images, _ = folders
    from_folder = open_images(images)
    assert [i.name for i in from_folder] == ["a", "b"]
    from_list = open_images([str(images / "a.tif"), images / "b.tif"])
    assert [i.path for i in from_list] == [i.path for i in from_folder]
    array = squares()[0]
    assert open_images(array)[0].axes == "yx"
    assert [i.name for i in open_images([array, array])] == ["image 1", "image 2"]
    assert open_images(array, spacing=(0.5, 0.5))[0].spacing == (0.5, 0.5)
    with pytest.raises(UserError, match="Two images are called a"):
        open_images([images / "a.tif", images / "a.tif"])
    with pytest.raises(UserError, match="no images"):
        open_images([])
    with pytest.raises(UserError, match="image 1 is a dict"):
        open_images([{}])  # type: ignore[list-item]


def test_labels_belong_to_images_by_stem(folders: tuple[Path, Path]) -> None:
    images, masks = folders
    found = open_labelled(images, masks)
    assert [(one.image.name, one.labels.path) for one in found.images] == [
        ("a", masks / "a.tif"),
        ("b", masks / "b.tif"),
    ]
    assert found.kind == "classes"
    assert all(one.complete for one in found.images)
    (masks / "b.tif").rename(masks / "c.tif")
    with pytest.raises(UserError, match=r"No labels for 1 of 2 images \(b.tif\)"):
        open_labelled(images, masks)
    # one file with one file, whatever they are called
    alone = open_labelled(images / "b.tif", masks / "c.tif")
    assert alone.images[0].labels.name == "b"


def test_labels_have_the_size_of_their_image() -> None:
    image, labels = squares()
    with pytest.raises(UserError, match="size 64 x 32, but image 1 has 64 x 64: they must"):
        open_labelled(image, labels[:, :32])
    with pytest.raises(UserError, match="1 images but 2 labels"):
        open_labelled(image, [labels, labels])


def test_labels_take_the_axes_of_their_image(tmp_path: Path) -> None:
    stack = np.zeros((3, 16, 20), np.uint8)
    colour = Image("a", np.zeros((3, 2, 16, 20), np.uint8), "tcyx")
    found = open_labelled(colour, stack, kind="classes").images[0]
    assert found.labels.axes == "tyx"
    # the other way round: the same pixels in another order of axes
    turned = Image("a", np.zeros((16, 20, 3), np.uint8), "yxz")
    assert open_labelled(turned, stack, kind="classes").images[0].labels.axes == "zyx"


def test_regions_make_labels_incomplete(folders: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = folders
    regions = tmp_path / "regions"
    regions.mkdir()
    tifffile.imwrite(regions / "a.tif", np.ones((64, 64), np.uint8))
    found = open_labelled(images, masks, kind="classes", regions=regions)
    assert [one.complete for one in found.images] == [False, False]
    assert [one.regions is not None for one in found.images] == [True, False]
    assert "No regions for 1 of 2 images (b)" in found.notes[0]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (squares()[1], "objects"),
        ((squares()[1] > 0) * 255, "classes"),
        (squares()[1] > 0, "classes"),
        (np.arange(64 * 64).reshape(64, 64) // 100, "objects"),
        (np.indices((64, 64)).sum(0) % 4, "classes"),
        (np.where(squares()[1] == 1, 255, squares()[1]), "classes"),
    ],
)
def test_guessed_kind(labels: Array, kind: str) -> None:
    array = labels if labels.dtype.kind in "bu" else labels.astype(np.uint16)
    guessed, note = guess_kind([Image("a", array, "yx")])
    assert guessed == kind
    assert f"taken for {kind}" in note


def test_guessed_kind_of_real_labels(shared_data: Path) -> None:
    expected = {
        "isbi2012": "classes",
        "ctc_phc_u373": "objects",
        "wbc": "classes",
        "drive": "classes",
        "msd_hippocampus": "classes",
    }
    for folder, kind in expected.items():
        files = sorted((shared_data / folder / "masks").iterdir())[:4]
        assert guess_kind([read_image(f, labels=True) for f in files])[0] == kind, folder


# ------------------------------------------------------------------ training


def test_train_tells_what_happens_and_returns_a_model() -> None:
    image, labels = squares()
    events: list[Any] = []
    model = nu.train([image], [labels], classes=["nothing", "square"], on_event=events.append,
                     kind="objects", seed=3, spacing=(0.5, 0.25), **FAST)  # fmt: skip
    kinds = [type(event) for event in events]
    assert kinds.count(Progress) >= 2
    assert kinds[-1] is Finished
    header = model.header
    assert model.class_names == ["nothing", "square"]
    assert header.label_kind == "objects"
    assert header.spacing == (0.5, 0.25)
    assert header.arguments["width"] == 4
    assert header.preset["tile"] == 32
    assert header.min_object_size == 32  # a tenth of 18 x 18 pixels
    assert header.history.steps == 2
    assert len(header.history.losses) == 2
    assert header.provenance.seed == 3
    assert header.provenance.images[0].sha256 is not None
    assert header.provenance.packages["torch"].startswith("2.")
    assert model.predict(image).shape == (2, 64, 64)


def test_objects_with_holes_keep_them() -> None:
    image, labels = squares()
    assert nu.train([image], [labels], kind="objects", **FAST).header.largest_hole == 18 * 18
    for y, x in ((6, 6), (6, 36), (36, 6), (36, 36)):
        labels[y + 6 : y + 12, x + 6 : x + 12] = 0
    model = nu.train([image], [labels], kind="objects", **FAST)
    found = model.objects(np.stack([labels == 0, labels > 0]).astype(np.float32))
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert found.max() == 4


def test_the_kind_is_guessed_with_a_notice() -> None:
    image, labels = squares()
    notices: list[Any] = []
    model = nu.train(
        image, labels, on_event=lambda e: notices.append(e) if isinstance(e, Notice) else None,
        **FAST,
    )  # fmt: skip
    assert model.header.label_kind == "objects"
    assert "taken for objects" in notices[0].message


def test_a_0_255_mask_counts_as_two_classes(folders: tuple[Path, Path]) -> None:
    started: list[Any] = []
    model = nu.train(*folders, on_event=lambda e: started.append(e), **FAST)
    assert len(model.header.classes) == 2
    notes = next(e for e in started if isinstance(e, Started)).notes
    assert any("255 was taken as class 1" in note for note in notes)


def test_the_same_seed_data_and_steps_give_the_same_model(folders: tuple[Path, Path]) -> None:
    first = nu.train(*folders, kind="classes", seed=5, **FAST)
    assert weights_equal(nu.train(*folders, kind="classes", seed=5, **FAST), first)
    assert not weights_equal(nu.train(*folders, kind="classes", seed=6, **FAST), first)


def test_the_way_of_the_engine_gives_the_same_model(folders: tuple[Path, Path]) -> None:
    images, masks = folders
    by_path = nu.train(images, masks, kind="classes", **FAST)
    labelled = [
        LabelledImage(
            Image(name, tifffile.imread(images / f"{name}.tif"), "yx"),
            Image(name, tifffile.imread(masks / f"{name}.tif"), "yx"),
            "classes",
            complete=True,
        )
        for name in "ab"
    ]
    trainer = make_trainer(
        labelled,
        arguments=FAST["arguments"],
        settings={"tile": 32, "batch": 1},
        device="cpu",
        precision="float32",
    )
    for _ in trainer.run(steps=2):
        pass
    by_array = finish(trainer, kind="classes", images=[one.image for one in labelled])
    assert weights_equal(by_array, by_path)


def test_stopped_and_resumed_equals_uninterrupted(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    options = FAST | {"steps": 4, "kind": "classes", "seed": 2}
    whole = nu.train(*folders, **options)
    run = prepare(*folders, **options)
    for event in run.events():
        if isinstance(event, Progress) and event.step == 2:
            run.trainer.stop()
    run.model().save(tmp_path / "m.unet", run.trainer.state())
    again = prepare(
        *folders, steps=4, resume_from=tmp_path / "m.unet", device="cpu", precision="float32"
    )
    assert not any("not the images" in note for note in again.notes)
    list(again.events())
    assert weights_equal(again.model(), whole)
    assert again.model().header.history.losses == whole.header.history.losses


def test_resuming_needs_a_training_state(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.unet")
    image, labels = squares()
    with pytest.raises(UserError, match="no training state"):
        prepare(image, labels, resume_from=tmp_path / "m.unet")
    file.save(tmp_path / "m.unet", model.header, model.network.state_dict(), {"tensors": {}})
    with pytest.raises(UserError, match="training state is damaged"):
        prepare(image, labels, resume_from=tmp_path / "m.unet", device="cpu")


def test_other_images_are_noticed_when_resuming(model: Model, tmp_path: Path) -> None:
    image, labels = squares()
    run = prepare(image, labels, kind="objects", **FAST)
    list(run.events())
    run.model().save(tmp_path / "m.unet", run.trainer.state())
    again = prepare(squares(seed=9)[0], labels, resume_from=tmp_path / "m.unet", steps=3)
    assert any("not the images" in note for note in again.notes)


def test_tuning_takes_the_weights(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "old.unet"
    model.save(path)
    before = path.read_bytes()
    image, labels = squares()
    start = prepare(image, labels, kind="objects", start=path, steps=1, device="cpu").trainer
    for name, tensor in model.network.state_dict().items():
        assert bool((start.learner.network.state_dict()[name] == tensor).all()), name
    # three classes: all but the head
    classes = np.minimum(labels, 2).astype(np.uint8)
    run = prepare(image, classes, kind="classes", start=path, steps=1, device="cpu")
    state = run.trainer.learner.network.state_dict()
    for name, tensor in model.network.state_dict().items():
        same = state[name].shape == tensor.shape and bool((state[name] == tensor).all())
        assert same == (not name.startswith("head.")), name
    assert any("last layer starts anew" in note for note in run.trainer.data.notes)
    list(run.events())
    assert run.model().header.provenance.start == str(path)
    assert path.read_bytes() == before


def test_tuning_refuses_what_does_not_fit(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "old.unet"
    model.save(path)
    image, labels = squares()
    with pytest.raises(UserError, match=r"1 channel\(s\), image 1 has 3"):
        prepare(np.stack([image] * 3, -1), labels, kind="objects", start=path)
    with pytest.raises(UserError, match="holds the network 'unet'"):
        prepare(image, labels, kind="objects", start=path, network="lunet")
    with pytest.raises(UserError, match="2D model"):
        prepare(np.stack([image] * 4), np.stack([labels] * 4), kind="objects", start=path, dims=3)
    with pytest.raises(UserError, match="There is no model file"):
        prepare(image, labels, kind="objects", start=tmp_path / "none.unet")
    with pytest.raises(UserError, match="general start weights are for the network 'unet'"):
        prepare(image, labels, kind="objects", start="general", network="lunet")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": "5s", "steps": 3}, "either a budget or a number of steps"),
        ({"steps": 0}, "give a number from 1"),
        ({"budget": "soon"}, "'soon' is not understood"),
        ({"network": "vnet"}, "no network 'vnet'"),
        ({"preset": "fast"}, "no preset 'fast'"),
        ({"kind": "dots"}, "kind 'dots'"),
        ({"bugdet": 3}, "'bugdet'"),
        ({"arguments": {"widht": 3}}, "no argument 'widht'"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"precision": "int4"}, "no precision 'int4'"),
        ({"validation": "nowhere"}, "must hold the folders 'images' and 'labels'"),
        ({"classes": 1}, "at least 2 classes"),
        ({"classes": ["a"]}, "at least two classes"),
        ({"kind": "classes", "classes": 2}, "hold 5 classes, but 2 are named"),
        ({"axes": "yxq"}, "'yxq'"),
        ({"spacing": (0.5,)}, "pixel size"),
        ({"dims": 3}, "for 3 spatial axes"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    image, labels = squares()
    with pytest.raises(UserError, match=message):
        prepare(image, labels, **({"kind": "objects"} | options))


def test_objects_in_planes_are_zoomed_more() -> None:
    image, labels = squares()

    def scale(*arrays: Array, **options: Any) -> float:
        run = prepare(*arrays, steps=1, device="cpu", **options)
        return run.trainer.preset.scale

    usual, objects = preset().scale, preset(objects=True).scale
    assert scale(image, labels, kind="objects") == objects
    assert scale(image, (labels > 0).astype(np.uint8), kind="classes") == usual
    assert scale(image, labels, kind="objects", scale=0.3) == 0.3
    volume = (np.stack([image] * 8), np.stack([labels] * 8))
    assert scale(*volume, kind="objects", dims=3, tile=16) == usual


def test_validation_images_are_scored_and_never_trained_on(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    images, masks = folders
    (tmp_path / "val").mkdir()
    images.rename(tmp_path / "val" / "images")
    masks.rename(tmp_path / "val" / "labels")
    image, labels = squares()
    run = prepare(
        [Image("a", image, "yx")],
        [(labels > 0).astype(np.uint8)],
        kind="classes",
        validation=tmp_path / "val",
        **FAST,
    )
    planes = run.trainer.data.planes
    assert sorted(name for name, _ in planes) == ["a", "validation/a", "validation/b"]
    assert planes["a", ()].held_out is None
    assert not planes["validation/a", ()].candidates
    finished = list(run.events())[-1]
    assert isinstance(finished, Finished)
    assert finished.validation is not None
    assert finished.validation.pixels == 2 * 64 * 64
    assert [i.name for i in run.model().header.provenance.images] == ["a"]


def test_3d(tmp_path: Path) -> None:
    image, labels = squares(32)
    model = nu.train(
        np.stack([image] * 16), np.stack([labels > 0] * 16).astype(np.uint8), kind="classes",
        dims=3, validation="none", **(FAST | {"tile": 16}),
    )  # fmt: skip
    assert model.header.dims == 3
    assert model.predict(np.stack([image] * 8)).shape == (2, 8, 32, 32)


@pytest.mark.parametrize("spacing", [None, (40, 6, 6)])
def test_volumes_begin_with_the_start_weights_of_planes(spacing: tuple[int, ...] | None) -> None:
    """Their last layer alone, fitted before the first step, finds most of noisy bright balls."""
    rng = np.random.default_rng(0)
    masks = np.zeros((24, 48, 48), np.uint8)
    z, y, x = np.indices(masks.shape)
    for at in rng.uniform(0, masks.shape, (12, 3)):
        masks[(z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2 < 36] = 1
    volume = (100.0 + 100 * masks + rng.normal(0, 25, masks.shape)).clip(0, 255).astype(np.uint8)
    options = {"kind": "classes", "dims": 3, "spacing": spacing, "validation": "none", "tile": 32}
    run = prepare(volume, masks, steps=1, **options)  # type: ignore[arg-type]
    assert run.trainer.origin == "general"
    fitted = next(event for event in run.events() if isinstance(event, Fitted))
    assert fitted.seconds > 0
    found = run.model().predict(volume, output="classes")
    assert 2 * (found & masks).sum() / (found.sum() + masks.sum()) > 0.7
    assert run.model().header.provenance.start == "general"
    narrow = {"arguments": {"width": 4}}
    assert prepare(volume, masks, steps=1, **options, **narrow).trainer.origin == "random"  # type: ignore[arg-type]


# ------------------------------------------------------------------ predicting files


def run_files(model: Model, *args: Any, **options: Any) -> list[FileProgress]:
    return list(predict_files(model, *args, device="cpu", precision="float32", **options))


def test_predicted_files_hold_what_predict_returns(
    model: Model, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    images, out = folders[0], tmp_path / "out"
    outputs = ("probability", "classes", "objects", "uncertainty")
    progress = run_files(model, images, out, outputs, tile=32)
    assert [p.path.name for p in progress if p.written] == ["a.tif", "b.tif"]
    assert progress[-1].fraction == 1
    assert sorted(p.name for p in out.iterdir()) == sorted(
        f"{name}.{output}.tif" for name in "ab" for output in outputs
    )
    image = tifffile.imread(images / "a.tif")
    for output in outputs:
        expected = model.predict(image, output=output, tile=32, device="cpu", precision="float32")
        found = tifffile.imread(out / f"a.{output}.tif")
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    with tifffile.TiffFile(out / "a.classes.tif") as tiff:
        assert tiff.ome_metadata is not None
        assert "normalisation" in tiff.ome_metadata


def test_default_outputs(model: Model, folders: tuple[Path, Path], tmp_path: Path) -> None:
    run_files(model, folders[0] / "a.tif", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "a.classes.tif",
        "a.objects.tif",
    ]


def test_stacks_larger_than_a_tile(model: Model, tmp_path: Path) -> None:
    stack = np.stack([squares(seed=i)[0] for i in range(3)])
    tifffile.imwrite(tmp_path / "s.tif", stack, imagej=True, metadata={"axes": "TYX"})
    progress = run_files(model, tmp_path / "s.tif", tmp_path / "out", ["objects"], tile=32)
    assert [p.tile for p in progress] == list(range(1, progress[0].tiles + 1))
    found = tifffile.imread(tmp_path / "out" / "s.objects.tif")
    expected = model.predict(
        stack, axes="tyx", output="objects", tile=32, device="cpu", precision="float32"
    )
    np.testing.assert_array_equal(found, expected)


def test_a_bad_file_does_not_stop_the_others(
    model: Model, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (folders[0] / "a.tif").write_bytes(b"not a tiff")
    job = predict_files(model, folders[0], tmp_path / "out", device="cpu")
    assert "a.tif" in next(job).problem
    with pytest.raises(UserError, match=r"1 of 2 images could not be predicted.*a\.tif"):
        list(job)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "b.classes.tif",
        "b.objects.tif",
    ]


def test_nothing_is_written_for_input_that_cannot_be_used(
    model: Model, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((20, 20, 3), np.uint8), photometric="rgb")
    for message, images, options in [
        ("does not exist", tmp_path / "none.tif", {}),
        ("trained on 1 channel, rgb has 3", tmp_path / "rgb.tif", {}),
        ("no output 'mask'", folders[0], {"outputs": ["mask"]}),
        ("give a number from 1", folders[0], {"tile": 0}),
        ("axes 'zyx'", folders[0] / "a.tif", {"axes": "zyx"}),
    ]:
        with pytest.raises(UserError, match=message):
            run_files(model, images, out, **options)
    (folders[0] / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="would overwrite each other"):
        run_files(model, folders[0], out)
    assert not out.exists()


def test_cancelling_leaves_older_files_whole(
    model: Model, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_files(model, folders[0], out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    job = predict_files(model, folders[0], out, tile=32, device="cpu", precision="float32")
    next(job)
    job.close()  # type: ignore[attr-defined]
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_normalisation_is_recorded(model: Model, folders: tuple[Path, Path]) -> None:
    from napari_unet.core.prediction import _description

    image = model.as_image(read_image(folders[0] / "a.tif"))
    predictor = model.predictor("cpu", "float32")
    record = json.loads(_description(model, image, False, predictor))
    assert (record["precision"], record["device"]) == ("float32", "cpu")
    assert record["normalisation"]["low"] == list(model.header.normalisation.low)


def test_images_of_another_scale_are_predicted_with_a_sentence(
    model: Model, tmp_path: Path
) -> None:
    image, _ = squares()
    tifffile.imwrite(tmp_path / "raw.tif", image.astype(np.uint16) * 257)
    *_, last = run_files(model, tmp_path / "raw.tif", tmp_path / "out")
    assert "far from those that the model was trained with" in last.notes[0]
    with pytest.warns(UserWarning, match="image: Its grey values"):
        model.predict(image.astype(np.float32) / 255, device="cpu")


def test_predicting_needs_no_more_memory_than_a_tile(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the boxes that tiles need are read from a lazy array, and some to look at its greys."""
    boxes: list[Any] = []
    read: Callable[..., Any] = Image.read

    def watched(self: Image, index: Any = (), box: Any = None) -> Any:
        boxes.append(box)
        return read(self, index, box)

    monkeypatch.setattr(Image, "read", watched)
    monkeypatch.setattr(normalise, "READ", 2**14)
    image = np.zeros((400, 400), np.uint8)
    model.predict(image, tile=64, device="cpu", precision="float32", output="classes")
    assert max(b - a for box in boxes for a, b in box) < 200


def test_a_missing_modality_is_accepted() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((32, 32), np.uint8)
    truth[8:24, 8:24] = 1
    image = (truth * 5 + rng.normal(size=(2, 32, 32))).astype(np.float32)
    lacking, constant = image.copy(), image.copy()
    lacking[1], constant[1] = np.nan, 3
    model = nu.train(
        [image, lacking],
        [truth, truth],
        kind="classes",
        network="multimodal_unet",
        arguments={"width": 2, "depth": 1},
        steps=2,
        axes="cyx",
        tile=32,
    )
    # In training, too: what one image lacks does not change the constants.
    assert model.header.normalisation.method == "training"
    there = model.predict(image)
    missing = model.predict(lacking)
    assert np.isfinite(missing).all()
    assert np.abs(missing - there).max() > 0
    np.testing.assert_array_equal(missing, model.predict(constant))
    np.testing.assert_allclose(model.predict(lacking, tile=16), missing, atol=1e-5)


def test_a_network_that_does_not_fit_into_the_memory_is_refused_before_it_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, labels = squares()
    huge = {"width": 1024, "depth": 7}
    with pytest.raises(UserError, match=r"509,\d{3},\d{3},\d{3} parameters.*smaller"):
        prepare(image, labels, kind="objects", arguments=huge)

    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    with monkeypatch.context() as patched:
        patched.setattr("napari_unet.core.training.Trainer", full)
        with pytest.raises(UserError, match="does not fit into the memory"):
            prepare(image, labels, kind="objects", **FAST)
    monkeypatch.setattr("napari_unet.core.room.available", lambda _: 1000)
    with pytest.raises(UserError, match=r"0\.0 GB are free \(cpu\)"):
        prepare(image, labels, kind="objects", **FAST | {"arguments": {"width": 65, "depth": 2}})
