"""Ten things that people do wrong with labels, each mended by one click in a real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton
from skimage.draw import disk

from napari_unet.engine.client import EngineClient
from napari_unet.plugin import main_dock
from napari_unet.plugin.inspectors import check
from napari_unet.plugin.inspectors.check import CheckDock
from napari_unet.plugin.session import Session
from napari_unet.synthetic import touching_cells

pytestmark = pytest.mark.window

SHAPE = (96, 128)


def cells() -> np.ndarray:
    made = np.zeros(SHAPE, np.int32)
    for number, centre in enumerate([(20, 20), (20, 60), (20, 100), (60, 20), (60, 90)], 1):
        made[disk(centre, 10)] = number
    return made


@pytest.fixture
def dock(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Path, engine: Any, request: Any
) -> Iterator[CheckDock]:
    """A window with an image and the dock; with the real engine where a test asks for it."""
    viewer = make_napari_viewer(show=True)
    image, _ = touching_cells()
    viewer.add_image(image[: SHAPE[0], : SHAPE[1]], name="cells")
    real = getattr(request, "param", "") == "real engine"
    session = Session(viewer, engine=EngineClient(tmp_path / "cache") if real else engine)
    session.settings = {"tile": 64, "batch": 2, "arguments": {"width": 4, "depth": 2}}
    main_dock._sessions[viewer] = session
    made = CheckDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net: Check", area="right")
    yield made
    qtbot.waitUntil(lambda: not made.busy, timeout=20_000)
    session.close()


def click(dock: CheckDock, name: str, qtbot: Any) -> None:
    found: list[QPushButton] = []

    def there() -> bool:
        found[:] = [b for b in dock.findChildren(QPushButton, name) if b.isVisible()]
        return bool(found)

    qtbot.waitUntil(there, timeout=5_000)
    found[0].click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=20_000)
    qtbot.wait(1)  # rows that were taken away go


def test_a_fault_while_looking_ends_it(
    dock: CheckDock, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> None:
        raise ValueError("no histogram")

    monkeypatch.setattr(check, "lint_image", faulty)
    click(dock, "check", qtbot)  # waits until it is not busy
    assert "no histogram" in dock.message.text()
    assert dock.summary.text() == ""


def split() -> np.ndarray:
    made = cells()
    made[made == 5] = 1
    return made


def speck() -> np.ndarray:
    made = cells()
    made[90, 120] = 9
    return made


def hole() -> np.ndarray:
    made = cells()
    made[20, 20] = 0
    return made


def merged() -> np.ndarray:
    made = cells()
    made[disk((20, 38), 10)] = 1
    return made


def gap() -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    made[disk((30, 30), 20)], made[disk((60, 90), 20)] = 1, 4
    return made


def negative() -> np.ndarray:
    made = cells()
    made[:3, :3] = -1
    return made


def rgb() -> np.ndarray:
    made = np.zeros((*SHAPE, 3), np.uint8)
    made[disk((30, 30), 20)] = (255, 0, 0)
    return made


MASK = ((cells() > 0) * 255).astype(np.uint8)
WRONG = {
    "mask-0-255": (MASK, "classes"),
    "binary-objects": ((cells() > 0).astype(np.uint8), "objects"),
    "split-object": (split(), "objects"),
    "merged-objects": (merged(), "objects"),
    "specks": (speck(), "objects"),
    "holes": (hole(), "objects"),
    "background-id": (cells() + 1, "objects"),
    "class-gap": (gap(), "classes"),
    "counted-from-1": (gap().clip(0, 1) + 1, "classes"),
    "too-many-classes": (cells() * 40, "classes"),
    "negative": (negative(), "objects"),
    "size": (np.ascontiguousarray(cells().T), "objects"),
    "outside": (np.pad(cells(), ((0, 9), (0, 0)), constant_values=7), "objects"),
    "float-labels": ((cells() > 0) * 0.9, "classes"),
    "colours": (rgb(), "classes"),
}


def test_one_click_mends_it_and_one_click_takes_it_back(dock: CheckDock, qtbot: Any) -> None:
    viewer = dock.viewer
    for code, (data, kind) in WRONG.items():
        if data.dtype.kind == "f":
            layer = viewer.add_image(data, name=code)
        elif data.ndim == 3:
            layer = viewer.add_image(data, name=code, rgb=True)
        else:
            layer = viewer.add_labels(data.copy(), name=code)
        before = np.array(layer.data)
        dock.kind_combo.setCurrentText(kind)
        dock.labels_combo.setCurrentText(code)
        dock.labels_combo.activated.emit(dock.labels_combo.currentIndex())
        qtbot.waitUntil(lambda: not dock.busy, timeout=20_000)
        assert dock.layer is layer
        click(dock, f"fix_{code}", qtbot)
        assert code not in {i.code for i in dock.issues}
        assert dock.layer.data.shape == SHAPE
        assert dock.layer.data.any()
        click(dock, "undo_fix", qtbot)
        assert dock.layer is layer
        np.testing.assert_array_equal(layer.data, before)
        assert code in {i.code for i in dock.issues}


def test_a_fix_of_labels_in_use_is_kept_and_can_be_undone_by_napari(
    dock: CheckDock, qtbot: Any
) -> None:
    session = dock.session
    entry = session.use_image(dock.viewer.layers["cells"])
    layer = dock.viewer.add_labels(split(), name="ids")
    one = session.use_labels(entry, layer, "objects")
    dock.refresh_layers()
    assert dock.kind_combo.currentText() == "objects"
    click(dock, "check", qtbot)
    click(dock, "fix_split-object", qtbot)
    session.flush()
    kept = session.project.project.labels(one.project_id)
    np.testing.assert_array_equal(kept, layer.data)
    assert len(np.unique(kept)) == 6
    layer.undo()
    np.testing.assert_array_equal(layer.data, split())


def test_go_there_shows_each_place_in_turn(dock: CheckDock, qtbot: Any) -> None:
    labels = cells()
    labels[90, 120] = labels[5, 5] = 9
    dock.viewer.add_labels(labels, name="ids")
    dock.kind_combo.setCurrentText("objects")
    click(dock, "check", qtbot)
    [issue] = [i for i in dock.issues if i.code == "specks"]
    seen = set()
    for place in issue.places:
        click(dock, "go_specks", qtbot)
        center = dock.viewer.scene.camera.center[-2:]
        np.testing.assert_allclose(center, [a for a, _ in place.box])
        seen.add(tuple(center))
    assert len(seen) == 2


def test_labels_that_lie_elsewhere_are_laid_over_the_image(dock: CheckDock, qtbot: Any) -> None:
    layer = dock.viewer.add_labels(cells(), name="ids", scale=(2, 2), translate=(5, 0))
    dock.kind_combo.setCurrentText("objects")
    click(dock, "check", qtbot)
    click(dock, "fix_displaced", qtbot)
    np.testing.assert_allclose(layer.scale, (1, 1))
    click(dock, "undo_fix", qtbot)
    np.testing.assert_allclose(layer.scale, (2, 2))


def test_empty_labels_lead_to_the_brush(dock: CheckDock, qtbot: Any) -> None:
    click(dock, "check", qtbot)
    click(dock, "paint_no-labels", qtbot)
    click(dock, "check", qtbot)
    click(dock, "paint_empty", qtbot)
    assert dock.viewer.layers.selection.active is dock.layer
    assert dock.layer.mode == "paint"


def test_findings_are_of_the_image_that_is_chosen(dock: CheckDock, qtbot: Any) -> None:
    session, viewer = dock.session, dock.viewer
    first = session.use_image(viewer.layers["cells"])
    session.use_labels(first, viewer.add_labels(split(), name="ids"), "objects")
    second = session.use_image(viewer.add_image(np.zeros(SHAPE, np.uint8), name="other"))
    qtbot.waitUntil(lambda: dock.layer is None, timeout=5_000)  # not those of cells
    others = viewer.add_labels(split(), name="other ids")
    session.use_labels(second, others, "objects")
    click(dock, "check", qtbot)
    assert dock.layer is others
    assert [i.code for i in dock.issues if i.fix is not None] == ["split-object"]
    [row] = [b for b in dock.findChildren(QPushButton, "fix_split-object") if b.isVisible()]
    session.use_image(viewer.layers["cells"])  # known already: nobody says that it was chosen
    row.click()  # of the other image, before the dock has looked
    assert "Another image was chosen" in dock.viewer.status
    np.testing.assert_array_equal(viewer.layers["ids"].data, split())
    np.testing.assert_array_equal(others.data, split())
    assert dock.layer is viewer.layers["ids"]
    assert not dock.issues


def test_an_image_that_cannot_be_used_is_one_sentence(dock: CheckDock, qtbot: Any) -> None:
    dock.viewer.layers.clear()
    odd = np.zeros((20, 20, 5), np.uint8)
    dock.viewer.add_image(odd, name="odd", axis_labels=("y", "x", "z"))  # raises nothing
    assert "move y and x to the end" in dock.message.text()
    dock.viewer.add_image(np.zeros(SHAPE, np.uint8), name="fine")
    assert dock.message.text() == ""
    assert dock.image().name == "fine"


def test_layers_are_listed_by_the_names_that_they_have_now(dock: CheckDock) -> None:
    dock.viewer.add_labels(cells(), name="ids").name = "nuclei"
    assert dock.labels_combo.currentText() == "nuclei"


@pytest.mark.parametrize("dock", ["real engine"], indirect=True)
def test_a_dry_run_measures_this_machine(dock: CheckDock, qtbot: Any) -> None:
    session = dock.session
    click(dock, "dry_run", qtbot)
    assert dock.measured.text() == ""
    entry = session.use_image(dock.viewer.layers["cells"])
    session.use_labels(entry, dock.viewer.add_labels(cells(), name="ids"), "objects")
    session.mark_complete(entry, ((0, SHAPE[0]), (0, SHAPE[1])))
    session.tick()
    click(dock, "dry_run", qtbot)
    qtbot.waitUntil(lambda: "s a step" in dock.measured.text(), timeout=90_000)
    assert "2 tile(s) of 64 x 64" in dock.measured.text()
    assert not session.has_model
