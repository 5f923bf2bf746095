"""A whole comparison on small images: who learns on what, resuming, zero-shot, mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_training
import tifffile

from napari_unet.comparison import cost, one_run, running
from napari_unet.comparison.cost import measured_size
from napari_unet.comparison.events import Event, Planned, Ran, Reported, Training
from napari_unet.comparison.running import compare
from napari_unet.comparison.scoring import truth_of
from napari_unet.core.sources import open_labelled
from napari_unet.errors import UserError
from napari_unet.prediction import device
from napari_unet.training.events import Failed
from napari_unet.training.trainer import Trainer

USUAL: dict[str, Any] = {
    "networks": ["unet", "lunet"],
    "steps": 1,
    "folds": 2,
    "kind": "classes",
    "device": "cpu",
    "precision": "float32",
}


NO_MEMORY = "Memory ran out even with one small tile."


@pytest.fixture(autouse=True)
def quick_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "WARM_UP", 1)
    monkeypatch.setattr(cost, "MOST", 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name in ("images", "masks", "ids", "other", "other-masks"):
        (folder / name).mkdir()
    for number in range(6):
        image, ids = small_training.discs(number, 40)
        images, masks = ("images", "masks") if number < 4 else ("other", "other-masks")
        tifffile.imwrite(folder / images / f"{number}.tif", image)
        tifffile.imwrite(folder / masks / f"{number}.tif", (ids > 0).astype(np.uint8) * 255)
        if number < 4:
            tifffile.imwrite(folder / "ids" / f"{number}.tif", ids)
    return folder


def begun(data: Path, out: Path, labels: str = "masks", **changed: Any) -> Iterator[Event]:
    return compare(data / "images", data / labels, out, **(USUAL | changed))


def test_all_networks_look_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all can look twice, and it is the networks that are compared."""
    models = []
    made = one_run.finish

    def finish(*arguments: Any, **keywords: Any) -> Any:
        models.append(made(*arguments, **keywords))
        return models[-1]

    monkeypatch.setattr(one_run, "finish", finish)
    list(begun(data, tmp_path, networks=["unet"], folds=2))
    assert [model.second_look for model in models] == [0.0, 0.0]
    settings = json.loads((tmp_path / "comparison.json").read_text())
    assert settings["recipe"]["second_look"] == 0


def test_a_model_that_looks_twice_is_measured_by_its_network(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the benchmarks of the papers may ask for."""
    made = one_run.finish

    def finish(*arguments: Any, **keywords: Any) -> Any:
        return made(*arguments, **keywords)._with(second_look=0.3)

    monkeypatch.setattr(one_run, "finish", finish)
    ran = [e.result for e in begun(data, tmp_path, networks=["unet"]) if isinstance(e, Ran)]
    assert [one.failed for one in ran] == ["", ""]


def test_from_images_to_a_report_with_a_break(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    transfer = (data / "other", data / "other-masks")
    events = begun(data, out, transfer=transfer)
    for event in events:
        if isinstance(event, Ran) and event.number == 2:
            break
    events.close()  # type: ignore[attr-defined]
    first = {path.name: path.stat().st_mtime_ns for path in (out / "runs").iterdir()}
    assert set(first) == {"unet.fold-1.json", "lunet.fold-1.json"}
    assert not (out / "report.md").exists()
    again = list(begun(data, out, transfer=transfer))
    assert isinstance(again[0], Planned)
    assert (again[0].runs, again[0].finished) == (4, 2)
    ran = [e for e in again if isinstance(e, Ran)]
    assert [(e.result.network, e.result.fold, e.number) for e in ran] == [
        ("unet", 2, 3),
        ("lunet", 2, 4),
    ]
    assert {e.step for e in again if isinstance(e, Training)} == {1}
    for name, time in first.items():
        assert (out / "runs" / name).stat().st_mtime_ns == time
    assert again[-1] == Reported(out / "report.md")
    found = json.loads((out / "results.json").read_text())
    tested = {r["fold"]: [s["name"] for s in r["test"]] for r in found["runs"]}
    assert tested == {1: ["0", "1"], 2: ["2", "3"]}
    assert all([s["name"] for s in r["transfer"]] == ["4", "5"] for r in found["runs"])
    assert {r["start"] for r in found["runs"]} == {"random"}
    assert all(r["macs"] > 0 and r["frames_per_second"] > 0 for r in found["runs"])

    # Another metric, and fewer networks, cost no training.
    events = begun(data, out, transfer=transfer, metric="iou_0", networks=["unet"])
    assert not [e for e in events if isinstance(e, Ran)]
    assert "iou_0 by image (intersection over union of class 0)" in (out / "report.md").read_text()
    with pytest.raises(UserError, match="the number of steps was 1, now 2"):
        next(begun(data, out, transfer=transfer, steps=2))


def test_each_learns_on_the_other_folds_only(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, set[str], set[str], str]] = []
    monkeypatch.setattr(one_run, "warm_up", lambda *_: None)

    def look(task: one_run.Task, settings: Any) -> Iterator[Any]:
        names = [{one.image.name for one in part} for part in (task.learn, task.test)]
        seen.append((task.network, *names, task.start(settings)))  # type: ignore[arg-type]
        return iter(())

    monkeypatch.setattr(one_run, "run", look)
    list(begun(data, tmp_path / "out", start="general", networks=["lunet"], folds=4))
    assert len(seen) == 8
    for network, learn, test, start in seen:
        assert not learn & test
        assert len(learn | test) == 4
        assert start == ("general" if network == "unet" else "random")


def test_objects_are_scored_as_objects(data: Path, tmp_path: Path) -> None:
    list(begun(data, tmp_path, "ids", kind="objects", networks=["unet"]))
    found = json.loads((tmp_path / "results.json").read_text())
    assert list(found["runs"][0]["test"][0]["values"]) == ["iou", "dice", "ap50", "seg"]


def test_only_what_is_annotated_is_scored(data: Path, tmp_path: Path) -> None:
    regions = tmp_path / "regions"
    regions.mkdir()
    for number in range(4):
        mask = np.zeros((40, 40), np.uint8)
        mask[:, :20] = 1
        tifffile.imwrite(regions / f"{number}.tif", mask)
    opened = open_labelled(data / "images", data / "masks", kind="classes", regions=regions)
    truth, ignore = truth_of(opened.images[0])
    labels = tifffile.imread(data / "masks" / "0.tif") > 0
    np.testing.assert_array_equal(truth, labels)
    np.testing.assert_array_equal(ignore[:, 20:], ~labels[:, 20:])
    assert not ignore[:, :20].any()
    usual = {"networks": ["unet"], "regions": regions}
    list(begun(data, tmp_path / "out", **usual))
    tifffile.imwrite(regions / "0.tif", np.ones((40, 40), np.uint8))
    with pytest.raises(UserError, match="the images or labels are not the same"):
        next(begun(data, tmp_path / "out", **usual))


@pytest.mark.slow
def test_a_network_that_fails_does_not_stop_the_others(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = one_run.make_trainer

    def broken(*arguments: Any, **keywords: Any) -> Any:
        if keywords["network"] == "lunet":
            raise RuntimeError("a layer\nis missing")
        return make(*arguments, **keywords)

    monkeypatch.setattr(one_run, "make_trainer", broken)
    events = list(begun(data, tmp_path))
    assert isinstance(events[-1], Reported)
    assert [r.failed for r in events[-1].failed] == ["RuntimeError: a layer is missing"] * 2
    assert "lunet failed in fold 1" in (tmp_path / "report.md").read_text()
    monkeypatch.undo()
    events = list(begun(data, tmp_path))
    assert [e.result.network for e in events if isinstance(e, Ran)] == ["lunet", "lunet"]
    assert events[-1] == Reported(tmp_path / "report.md")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"networks": ["nonsense"]}, "no network 'nonsense'"),
        ({"networks": [" "]}, "at least one network"),
        ({"networks": ["unet3d"]}, "not in 2D"),
        ({"budget": "1s"}, "either a budget or a number"),
        ({"steps": 0}, "0 steps are none"),
        ({"seed": 2**64}, "does not fit into 64 bits"),
        ({"budget": "soon", "steps": None}, "'soon' is not understood"),
        ({"folds": 1}, "nothing to train on"),
        ({"folds": 5}, "4 image"),
        ({"kind": "what"}, "no labels of kind 'what'"),
        ({"preset": "what"}, "no preset 'what'"),
        ({"start": "what"}, "not from 'what'"),
        ({"start": "general", "preset": "paper2015"}, "do not fit this preset"),
        ({"metric": "ap50"}, "'ap50' is not computed"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"dims": 4}, "2 or 3 dimensions"),
    ],
)
def test_mistakes(data: Path, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        next(begun(data, tmp_path / "new", **changed))
    assert not (tmp_path / "new").exists()


def test_what_would_leak(data: Path, tmp_path: Path) -> None:
    own = (data / "images", data / "masks")
    with pytest.raises(UserError, match="also trained on"):
        next(begun(data, tmp_path / "new", transfer=own))
    twice = np.stack([tifffile.imread(data / "images" / "0.tif")] * 2)
    mask = np.stack([tifffile.imread(data / "masks" / "0.tif")] * 2)
    with pytest.raises(UserError, match="are the same image"):
        next(compare(list(twice), list(mask), tmp_path / "new", **USUAL))
    coloured = np.zeros((1, 40, 40, 3), np.uint8)
    with pytest.raises(UserError, match=r"3 channel\(s\)"):
        next(begun(data, tmp_path / "new", transfer=(list(coloured), [mask[0]])))


def test_a_reference_that_fails_is_a_result_with_its_sentence(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: Trainer, **options: Any) -> Iterator[Any]:
        yield Failed(NO_MEMORY)

    monkeypatch.setattr(Trainer, "run", run)
    *_, last = begun(data, tmp_path)
    assert isinstance(last, Reported)
    assert {one.failed for one in last.failed} == {NO_MEMORY}
    assert NO_MEMORY in last.report.read_text()


def test_a_fold_without_labels_does_not_stop_the_others(data: Path, tmp_path: Path) -> None:
    """Only the images of the first fold are labelled: it alone has nothing to learn from."""
    strokes = tmp_path / "strokes"
    strokes.mkdir()
    for number in range(4):
        labels = np.zeros((40, 40), np.uint8)
        if number < 2:
            labels[2, 2:20], labels[20, 2:20] = 1, 2
        tifffile.imwrite(strokes / f"{number}.tif", labels)
    events = list(compare(
        data / "images", strokes, tmp_path / "out", **(USUAL | {"kind": "scribbles"})
    ))  # fmt: skip
    ran = [e.result for e in events if isinstance(e, Ran)]
    assert [bool(one.failed) for one in ran] == [True, True, False, False]


def test_sizes_that_are_measured() -> None:
    assert measured_size("unet", {"width": 4, "padding": "same"}, 2) == (256, 256)
    assert measured_size("unet", {}, 2) == (444, 444)  # valid: 260 out


def test_volumes_are_compared_in_the_precision_in_which_they_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_has_bf16", lambda: True)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            pixels = np.random.default_rng(number).integers(0, 2, (8, 32, 32), np.uint8)
            tifffile.imwrite(tmp_path / folder / f"{number}.tif", pixels, metadata={"axes": "ZYX"})
    for dims, expected in ((3, "float32"), (2, "bf16")):
        plan = running._plan(
            tmp_path / "images", tmp_path / "labels", networks=["unet"], budget=None, steps=1,
            folds=2, transfer=None, kind="classes", regions=None, preset="live", start="random",
            seed=0, device="cpu", precision="auto", axes="zyx", dims=dims,
        )  # fmt: skip
        assert plan.settings.precision == expected
