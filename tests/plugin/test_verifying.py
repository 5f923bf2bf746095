"""The Verify button, from the click to the table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QWidget

from napari_unet.engine.client import EngineClient
from napari_unet.engine.protocol import JobFinished, Verify
from napari_unet.errors import UserError
from napari_unet.evaluation.parity import certificate, compare
from napari_unet.plugin import main_dock, training_control, verifying
from napari_unet.plugin.main_dock import MainDock
from napari_unet.plugin.session import Session


def test_the_engine_is_asked_about_the_plane_on_show(
    session: Session, engine: Any, told: Any
) -> None:
    with pytest.raises(UserError, match="no model"):
        verifying.verify(session)
    session.has_model = True
    with pytest.raises(UserError, match="Open an image"):
        verifying.verify(session)
    film = session.viewer.add_image(np.zeros((3, 64, 80), np.uint8), axis_labels=("t", "y", "x"))
    session.use_image(film)
    session.viewer.dims.set_point(0, 2)
    job = verifying.verify(session)
    [command] = engine.of("verify")
    assert isinstance(command, Verify)
    assert command.index == (2,)
    flat = np.zeros((2, 4, 4), np.float32)
    found = certificate([compare("a", flat, flat + 1, 1e-4), compare("b", flat, flat, None, "why")])
    engine.events = [JobFinished(job=job, result=found)]
    session.tick()
    assert session.certificate == found
    assert told[-1] == ("error", "1 of 2 checks failed: a.")
    assert verifying.rows(found) == [("a", "1.0e+00", "FAILED"), ("b", "0", "-")]
    assert verifying.tips(found)[1] == "b: for information; 0 pixels of another class; why"


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> Iterator[MainDock]:
    import napari_unet as nu

    image = np.random.default_rng(0).integers(0, 200, (64, 80)).astype(np.uint8)
    model = nu.train(
        image,
        (image > 150).astype(np.uint8),
        kind="classes",
        arguments={"width": 4, "depth": 2},
        tile=32,
        batch=1,
        steps=1,
    )
    model.save(tmp_path / "model.unet")
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, name="cells")
    session = Session(viewer, engine=EngineClient(tmp_path / "cache"))
    main_dock._sessions[viewer] = session
    made = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net", area="right")
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    training_control.load_model(session, tmp_path / "model.unet")
    qtbot.waitUntil(lambda: session.has_model, timeout=30_000)
    yield made
    session.close()


@pytest.mark.window
def test_a_click_makes_a_certificate(dock: MainDock, qtbot: Any) -> None:
    table = dock.keep.certificate
    assert not table.isVisible()
    dock.findChild(QWidget, "verify").click()
    qtbot.waitUntil(lambda: dock.session.certificate is not None, timeout=120_000)
    assert dock.session.certificate["passed"]
    assert "checks passed" in dock.message.text()
    names = [row[0] for row in table.rows.rows]
    assert names[:2] == ["dock = Python", "command line = Python"]
    assert {row[2] for row in table.rows.rows} <= {"ok", "-"}
    dock.scroll.ensureWidgetVisible(table)
    assert table.isVisible()
