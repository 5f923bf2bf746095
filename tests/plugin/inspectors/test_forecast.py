"""Score and forecast in a real window: scores come, the sentences follow, the widgets ask anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel

from napari_unet.engine.events import ValidationFacts
from napari_unet.engine.protocol import TrainingFinished, TrainingProgress, TrainingReset
from napari_unet.plugin import main_dock
from napari_unet.plugin.inspectors.forecast import ForecastDock
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session

pytestmark = pytest.mark.window


@pytest.fixture
def docks(
    make_napari_viewer: Any, engine: Any, no_popups: None
) -> Iterator[tuple[main_dock.UNetDock, ForecastDock]]:
    viewer = make_napari_viewer(show=True)
    rng = np.random.default_rng(0)
    viewer.add_image(rng.integers(0, 200, (96, 120)).astype(np.uint8), name="cells")
    session = Session(viewer, engine=engine)
    main_dock._sessions[viewer] = session
    session.new_labels(session.use_image(viewer.layers["cells"]))
    main = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(main, name="U-Net", area="right")
    made = ForecastDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net: Score and forecast", area="right")
    yield main, made
    session.close()


def scores(session: Session, means: Any, *, labelled: int = 1000, every: float = 20.0) -> None:
    """What the engine sends while it trains."""
    for mean in means:
        training = session.training
        step, seconds = training.step + 10, training.seconds + every
        facts = ValidationFacts(
            low=mean - 0.05,
            high=mean + 0.05,
            units=12,
            images=3,
            labelled=labelled,
            objects=labelled // 100,
        )
        event = TrainingProgress(
            step=step,
            losses=((step, 0.3),),
            seconds=seconds,
            steps_per_second=1,
            learning_rate=1e-3,
            validation_iou=(mean, mean),
            validation_facts=facts,
        )
        session.handle(event)


def settled(qtbot: Any, session: Session) -> None:
    """The session has made its forecast of all that came."""
    session.forecasting.tick()
    qtbot.waitUntil(lambda: not session.forecasting.busy, timeout=60_000)


def text(dock: Any, name: str) -> str:
    return str(dock.findChild(QLabel, name).text())


def choose(dock: Any, qtbot: Any, name: str, number: int) -> None:
    """With the keyboard, as a person may."""
    combo = dock.findChild(QComboBox, name)
    combo.setFocus()
    for _ in range(number):
        qtbot.keyClick(combo, Qt.Key.Key_Down)
    combo.activated.emit(combo.currentIndex())


def test_score_time_and_labels(docks: Any, qtbot: Any) -> None:
    main, dock = docks
    session = dock.session
    assert "No score yet" in text(dock, "score_sentence")
    assert text(main, "forecast_line") == ""
    session.training.phase, session.training.network = "training", "unet"
    scores(session, [0.5, 0.6])
    settled(qtbot, session)
    assert "interval 0.55 to 0.65, from 12 pieces" in text(dock, "score_sentence")
    assert text(main, "forecast_line").startswith("Held-out IoU 0.60 (0.55 to 0.65). Too early")
    scores(session, 0.85 - 0.2 * np.arange(3, 16) ** -0.8)
    settled(qtbot, session)
    assert "5 minutes more" in text(dock, "time_sentence")
    assert text(dock, "time_sentence") in text(main, "forecast_line")
    assert not main.findChild(QLabel, "forecast_line").isHidden()
    assert len(dock.time_plot.points) == 15
    # Asked for a minute, then for more than may be said.
    choose(dock, qtbot, "more_time", 1)
    settled(qtbot, session)
    assert "1 minute more" in text(dock, "time_sentence")
    choose(dock, qtbot, "more_time", 5)
    settled(qtbot, session)
    assert "Nobody can say for 1 hour" in text(dock, "time_sentence")
    # More labels, four times over: each amount is remembered, and what more would buy is said.
    assert "(1 so far)" in text(dock, "labels_sentence")
    for labelled, mean in ((2000, 0.85), (4000, 0.88), (8000, 0.9)):
        scores(session, [mean] * 4, labelled=labelled)
    session.handle(TrainingFinished(step=session.training.step, seconds=540, reason="stopped"))
    settled(qtbot, session)
    assert "8,000 more labelled pixels" in text(dock, "labels_sentence")
    assert "labels have changed" in text(dock, "time_sentence") or "hour" in text(
        dock, "time_sentence"
    )
    assert [p.x for p in dock.labels_plot.points] == [1000, 2000, 4000, 8000]
    choose(dock, qtbot, "label_unit", 1)
    settled(qtbot, session)
    assert "80 more labelled objects" in text(dock, "labels_sentence")
    dock.grab()
    # Reset forgets the curve, not what was learnt about labels; the project keeps it.
    session.handle(TrainingReset())
    settled(qtbot, session)
    assert "No score yet" in text(dock, "score_sentence")
    assert text(main, "forecast_line") == ""
    assert len(dock.labels_plot.points) == 4
    folder = session.project.project.folder
    assert len((folder / "trainings.jsonl").read_text().splitlines()) == 4
    session.project.close()
    session.viewer.layers.clear()
    open_project(session, folder)
    settled(qtbot, session)
    assert len(dock.labels_plot.points) == 4
    session.training.network = "unetpp"  # those were of another network
    session.training.points.clear()
    settled(qtbot, session)
    assert "(0 so far)" in text(dock, "labels_sentence")
