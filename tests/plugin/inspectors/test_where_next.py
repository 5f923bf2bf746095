"""Regions worth labelling in a real window: looked for, listed, jumped to by one key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton

from napari_unet.engine.protocol import EngineDied, JobFailed, JobFinished
from napari_unet.plugin import main_dock
from napari_unet.plugin.derived import find
from napari_unet.plugin.inspectors import where_next
from napari_unet.plugin.inspectors.where_next import KEY, WhereNextDock
from napari_unet.plugin.session import Session

pytestmark = pytest.mark.window


@pytest.fixture
def dock(make_napari_viewer: Any, engine: Any) -> Iterator[WhereNextDock]:
    viewer = make_napari_viewer(show=True)
    rng = np.random.default_rng(0)
    viewer.add_image(rng.integers(0, 200, (2, 128, 160)).astype(np.uint8), name="cells")
    session = Session(viewer, engine=engine)
    main_dock._sessions[viewer] = session
    made = WhereNextDock(viewer)
    made.side.setValue(32)
    viewer.window.add_dock_widget(made, name="U-Net: Where next", area="right")
    yield made
    session.close()


def click(dock: WhereNextDock, name: str) -> None:
    dock.findChild(QPushButton, name).click()


def answer(dock: WhereNextDock, qtbot: Any) -> None:
    """What the engine does: unsure at the bottom right of plane 1, sure elsewhere."""
    [*_, command] = dock.session.engine.of("predict")  # type: ignore[attr-defined]
    array = dock.session.engine.arrays[command.outputs["probability"].path]  # type: ignore[attr-defined]
    array[:, 0], array[:, 1] = 0.999, 0.001
    array[1, :, 96:, 128:] = 0.5
    dock.session.handle(JobFinished(job=command.job))
    qtbot.waitUntil(lambda: not dock.busy, timeout=20_000)


def test_look_list_and_jump(dock: WhereNextDock, qtbot: Any) -> None:
    session = dock.session
    one = session.new_labels(session.use_image(dock.viewer.layers["cells"]))
    one.layer.data_setitem(tuple(np.mgrid[0:1, 0:40, 0:40].reshape(3, -1)), 1)
    session.flush()
    session.has_model = True
    dock.advice.setCurrentText("uncertain")
    click(dock, "look")
    answer(dock, qtbot)
    assert dock.list.count() == len(dock.suggestions) == 10
    assert dock.suggestions[0].index == (1,)
    assert "plane 1 · uncertain" in dock.list.item(0).text()
    [jump] = [act for key, act in dock.viewer.keymap.items() if str(key).endswith("Shift+N")]
    jump(dock.viewer)
    np.testing.assert_allclose(dock.viewer.scene.camera.center[-2:], (111.5, 143.5))
    assert dock.viewer.dims.current_step[0] == 1
    layer = find(dock.viewer, session.current, "where next")
    np.testing.assert_allclose(layer.data[0][0], (1, 95.5, 127.5))
    assert dock.viewer.layers.selection.active is one.layer
    jump(dock.viewer)
    assert dock.at == 1
    assert len(layer.data) == 1
    dock.list.setCurrentRow(0)
    assert dock.at == 0


def test_by_lot_and_all_reasons(
    dock: WhereNextDock, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.session
    session.new_labels(session.use_image(dock.viewer.layers["cells"]))
    session.has_model = True
    assert dock.advice.currentText() == "automatic"
    for advice, lot in (("automatic", 0), ("by lot (foreground)", 1), ("all reasons", 0)):
        dock.advice.setCurrentText(advice)
        click(dock, "look")
        answer(dock, qtbot)
        assert dock.suggestions
        assert ("by lot" in dock.list.item(0).text()) == lot
    monkeypatch.setattr(where_next, "is_crowded", lambda planes: len(planes) == 2)
    dock.advice.setCurrentText("automatic")
    click(dock, "look")
    answer(dock, qtbot)
    assert "by lot" in dock.list.item(0).text()
    assert not session.engine.arrays.keys() & {  # type: ignore[attr-defined]
        c.outputs["probability"].path
        for c in session.engine.of("predict")  # type: ignore[attr-defined]
    }


def test_a_fault_while_ranking_ends_it(
    dock: WhereNextDock, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object, **__: object) -> None:
        raise ValueError("no windows")

    monkeypatch.setattr(where_next, "rank_planes", faulty)
    dock.session.use_image(dock.viewer.layers["cells"])
    dock.session.has_model = True
    click(dock, "look")
    answer(dock, qtbot)
    assert "no windows" in dock.message.text()
    assert dock.summary.text() == ""
    [command] = dock.session.engine.of("predict")  # type: ignore[attr-defined]
    assert command.outputs["probability"].path not in dock.session.engine.arrays  # type: ignore[attr-defined]
    monkeypatch.undo()
    click(dock, "look")  # not busy for ever
    answer(dock, qtbot)
    assert dock.suggestions


def test_wrong_moves_are_one_sentence(dock: WhereNextDock, qtbot: Any) -> None:
    told: list[str] = []
    dock.session.told.connect(lambda _, text: told.append(text))
    click(dock, "look")
    assert "no model" in told[-1]
    dock.session.has_model = True
    click(dock, "next_suggestion")  # nothing yet: it looks
    [command] = dock.session.engine.of("predict")  # type: ignore[attr-defined]
    dock.session.handle(JobFailed(job=command.job, message="There is no model yet."))
    assert not dock.busy
    assert dock.message.text() == "There is no model yet."
    dock.release()
    assert not any(str(key).endswith("Shift+N") for key in dock.viewer.keymap)
    assert KEY.endswith("N")


@pytest.mark.parametrize("how", ["the engine dies", "cancelled before it is read"])
def test_it_can_be_asked_again_whatever_ended_it(dock: WhereNextDock, qtbot: Any, how: str) -> None:
    session = dock.session
    entry = session.use_image(dock.viewer.layers["cells"])
    session.has_model = True
    click(dock, "look")
    assert dock.busy
    if how == "the engine dies":
        session.handle(EngineDied(message="The engine died."))
    else:
        [job] = session.jobs
        session.drop_job(job)
    assert not dock.busy
    assert dock.summary.text() == ""
    assert "engine died" in dock.message.text() or "cancelled" in dock.message.text()
    session.has_model, entry.ready = True, True
    click(dock, "look")
    answer(dock, qtbot)
    assert dock.suggestions
    assert dock.message.text() == ""


def test_planes_of_a_volume_are_ranked_from_its_one_prediction(
    dock: WhereNextDock, qtbot: Any
) -> None:
    session = dock.session
    session.use_image(dock.viewer.layers["cells"], "zyx")
    session.dims, session.has_model = 3, True
    dock.advice.setCurrentText("uncertain")
    click(dock, "look")
    [command] = session.engine.of("predict")  # type: ignore[attr-defined]
    array = session.engine.arrays[command.outputs["probability"].path]  # type: ignore[attr-defined]
    assert array.shape == (2, 2, 128, 160)  # class, z, y, x
    array[0], array[1] = 0.999, 0.001
    array[:, 1, 96:, 128:] = 0.5
    session.handle(JobFinished(job=command.job))
    qtbot.waitUntil(lambda: not dock.busy, timeout=20_000)
    assert dock.suggestions[0].index == (1,)
    assert dock.suggestions[0].box == ((96, 128), (128, 160))
