"""Corrections in a real window: painted over a prediction, learnt, lost again, gone to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton

from napari_unet.engine.protocol import PreviewReady
from napari_unet.plugin import main_dock
from napari_unet.plugin.inspectors.corrections import CorrectionsDock
from napari_unet.plugin.session import Session

pytestmark = pytest.mark.window


@pytest.fixture
def dock(make_napari_viewer: Any, engine: Any) -> Iterator[CorrectionsDock]:
    viewer = make_napari_viewer(show=True)
    rng = np.random.default_rng(0)
    viewer.add_image(rng.integers(0, 200, (96, 120)).astype(np.uint8), name="cells")
    session = Session(viewer, engine=engine)
    main_dock._sessions[viewer] = session
    made = CorrectionsDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net: Corrections", area="right")
    session.new_labels(session.use_image(viewer.layers["cells"]))
    session.has_model = True
    yield made
    session.close()


def predict(dock: CorrectionsDock, foreground: Any = None) -> None:
    """What the engine does: a preview of the whole plane, ``foreground`` where it is class 1."""
    session = dock.session
    entry = session.current
    whole = tuple((0, n) for n in entry.shape)
    if session.looking.place is None:
        session.looking.look((entry.id, (), whole))
    session.looking.array[...] = 0
    session.looking.array[0] = 1
    if foreground is not None:
        session.looking.array[:, foreground[0], foreground[1]] = np.array([0, 1])[:, None, None]
    session.handle(PreviewReady(image=entry.id, index=(), box=whole, step=1))


def paint(dock: CorrectionsDock, value: int, rows: slice, columns: slice) -> None:
    layer = dock.session.labels[dock.session.current.id].layer
    grid = np.mgrid[rows, columns].reshape(2, -1)
    layer.data_setitem(tuple(grid), value)
    dock.session.flush()


def click(dock: CorrectionsDock, name: str) -> None:
    dock.findChild(QPushButton, name).click()


def test_fixed_and_broken_again(dock: CorrectionsDock) -> None:
    paint(dock, 2, slice(0, 5), slice(0, 5))  # nothing is predicted yet: no correction
    assert "No corrections yet" in dock.summary.text()
    predict(dock)
    here, there = (slice(20, 30), slice(40, 50)), (slice(60, 70), slice(80, 100))
    paint(dock, 2, *here)
    paint(dock, 2, *there)
    paint(dock, 1, slice(80, 90), slice(0, 9))  # background that was right
    assert dock.summary.text() == "0 fixed, 2 not learnt yet."
    predict(dock, (slice(20, 70), slice(40, 100)))
    assert dock.summary.text() == "2 fixed."
    predict(dock, here)
    assert dock.summary.text() == "1 fixed, 1 broken again."
    assert dock.table.item(0, 0).text() == "broken again"
    assert dock.table.item(0, 2).text() == "foreground"
    click(dock, "next_correction")
    center = dock.viewer.scene.camera.center[-2:]
    np.testing.assert_allclose(center, (64.5, 89.5))
    dock.table.cellClicked.emit(1, 0)
    np.testing.assert_allclose(dock.viewer.scene.camera.center[-2:], (24.5, 44.5))


def test_the_same_place_is_not_corrected_twice_unknowingly(dock: CorrectionsDock) -> None:
    told: list[str] = []
    dock.session.told.connect(lambda _, text: told.append(text))
    place = (slice(20, 30), slice(40, 50))
    predict(dock)
    paint(dock, 2, *place)
    predict(dock, place)
    predict(dock)
    layer = dock.session.labels[dock.session.current.id].layer
    layer.undo()
    dock.session.flush()
    layer.data_setitem(tuple(np.mgrid[place].reshape(2, -1)), 2)
    dock.session.flush()
    assert any("corrected this place before" in text for text in told)
    assert dock.table.item(0, 4).text() == "2"


def test_they_come_back_with_the_project(dock: CorrectionsDock, qtbot: Any) -> None:
    predict(dock)
    paint(dock, 2, slice(20, 30), slice(40, 50))
    session = dock.session
    folder = session.project.project.folder
    session.project.close()
    session.viewer.layers.clear()
    from napari_unet.plugin.project_link import open_project

    open_project(session, folder)
    assert dock.summary.text() == "0 fixed, 1 not learnt yet."
    assert dock.table.item(0, 5).text() == "cells"
    click(dock, "next_correction")
    click(dock, "check_corrections")
    assert session.engine.of("predict")  # type: ignore[attr-defined]
