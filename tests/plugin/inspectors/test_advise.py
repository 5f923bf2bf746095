"""Advice on the layers of a real window, and taking it over by one click."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import small_training
from qtpy.QtWidgets import QPushButton

from napari_unet.advice.advised import Advised
from napari_unet.advice.choosing import Advice
from napari_unet.advice.features import Features
from napari_unet.advice.limits import Limits
from napari_unet.advice.trial import Candidate, Measured, Trial
from napari_unet.networks import registry
from napari_unet.plugin import advice, main_dock
from napari_unet.plugin.inspectors import advise as inspector
from napari_unet.plugin.inspectors.advise import AdviseDock
from napari_unet.plugin.inspectors.choice_row import ChoiceRow
from napari_unet.plugin.inspectors.compare import CompareDock
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.session import Session

pytestmark = pytest.mark.window


@pytest.fixture
def session(
    make_napari_viewer: Any, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    viewer = make_napari_viewer(show=True)
    made = Session(viewer, engine=engine)
    main_dock._sessions[viewer] = made
    yield made
    made.close()


def choice(rank: int, network: str, misses: str = "", **arguments: Any) -> Advice:
    checked = registry.check_arguments(network, registry.spec(network).live | arguments)
    candidate = Candidate(
        network=network, arguments=checked.model_dump(mode="json"), tile=128, batch=16, sigma=7,
        channels=1, classes=2, size=(64, 64), device="cpu", precision="float32",
    )  # fmt: skip
    measured = Measured(
        parameters=1,
        step_seconds=0.1,
        image_seconds=0.2,
        memory=3 * 10**8,
        device="cpu",
        precision="float32",
    )
    why = {"network": f"{network} it is.", "width": "W.", "patch": "P.", "sigma": "S."}
    return Advice(rank, Trial(candidate, measured), 7.0, why, misses)


ADVISED = Advised(
    Features(1, 1, (64, 64), 1, "objects", 2, 1.0, 0.5, 3),
    Limits(),
    (
        choice(1, "unet", width=8),
        choice(2, "ulite"),
        choice(3, "cmunext", "takes 9 GB of memory, more than 1 GB"),
    ),
    "Nothing here speaks for another network than the plain U-Net.",
    "a processor",
)


def test_one_click_takes_a_choice_over(session: Session, qtbot: Any) -> None:
    viewer = session.viewer
    main = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(main, name="U-Net", area="right")
    comparing = CompareDock(viewer)
    viewer.window.add_dock_widget(comparing, name="U-Net: Compare networks", area="right")
    dock = AdviseDock(viewer)
    viewer.window.add_dock_widget(dock, name="U-Net: Advise", area="right")
    dock._told(ADVISED)
    assert "speaks for another" in dock.line.text()
    assert [row.objectName() for row in dock.findChildren(ChoiceRow)] == [
        "choice_1",
        "choice_2",
        "choice_3",
    ]
    session.use_preset("strokes")
    dock.findChild(QPushButton, "take_1").click()
    assert (session.preset, session.rotations) == ("live", False)
    recipe = recipe_of(session)
    assert (recipe.network, recipe.arguments["width"], recipe.tile) == ("unet", 8, 128)
    assert (recipe.batch, recipe.sigma) == (16, 7.0)
    assert main.train.network_combo.currentData() == "unet"
    assert main.train._spins["sigma"].value() == 7.0
    dock.findChild(QPushButton, "take_2").click()
    assert session.network == main.train.network_combo.currentData() == "ulite"
    assert "ulite" in dock.message.text()
    rows = comparing.form.networks
    texts = {rows.item(n).toolTip().split(":")[0]: rows.item(n).text() for n in range(rows.count())}
    assert texts["ulite"].endswith("advised 2.")
    assert "advised" not in texts["cmunext"]
    session.training.phase = "training"
    dock.findChild(QPushButton, "take_1").click()
    assert session.network == "ulite"
    assert "stop it before" in dock.message.text()


def test_the_button_beside_the_networks_asks(
    session: Session, qtbot: Any, tmp_path: Path, no_popups: None
) -> None:
    viewer = session.viewer
    main = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(main, name="U-Net", area="right")
    main.train.findChild(QPushButton, "advise").click()
    assert "Nothing is labelled yet" in main.message.text()
    pixels, ids = small_training.discs(0, 48)
    entry = session.use_image(viewer.add_image(pixels, name="discs"))
    session.use_labels(entry, viewer.add_labels(ids.astype("int32"), name="ids"), "objects")
    session.mark_complete(entry, ((0, 48), (0, 48)))
    main.train.findChild(QPushButton, "advise").click()
    (dock,) = (d for d in viewer.window.dock_widgets.values() if isinstance(d, AdviseDock))
    qtbot.waitUntil(lambda: dock.watch.running, timeout=20_000)
    folder = dock._folder
    assert folder is not None
    qtbot.waitUntil(lambda: dock.line.text().startswith("Trying 1 of"), timeout=60_000)
    if sys.platform == "linux":
        assert folder.exists()
    # The whole advice takes a minute; that the rest of it works is tested without a window.
    dock.findChild(QPushButton, "cancel_advice").click()
    assert not folder.exists()
    assert not dock.watch.running
    assert advice.advised(session) is None


@pytest.mark.parametrize("writing", [False, True])
def test_no_copy_of_an_image_outlives_the_window(
    session: Session, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writing: bool
) -> None:
    viewer = session.viewer
    pixels, ids = small_training.discs(0, 48)
    entry = session.use_image(viewer.add_image(pixels, name="discs"))
    session.use_labels(entry, viewer.add_labels(ids.astype("int32"), name="ids"), "objects")
    session.mark_complete(entry, ((0, 48), (0, 48)))
    dock = AdviseDock(viewer)
    viewer.window.add_dock_widget(dock, name="U-Net: Advise", area="right")
    qtbot.waitUntil(lambda: dock._window_known)
    write, going_on, written = inspector.write_planes, Event(), Event()

    def slowly(*arguments: Any) -> Any:
        if writing:
            going_on.wait(20)
        try:
            return write(*arguments)
        finally:
            written.set()

    monkeypatch.setattr(inspector, "write_planes", slowly)
    monkeypatch.setattr(dock.watch, "start", lambda *_: None)
    dock.advise()
    folder = dock._folder
    assert folder is not None
    if not writing:
        qtbot.waitUntil(lambda: not dock.busy)
        assert list(folder.rglob("*.tif"))
    viewer.close()
    going_on.set()
    qtbot.waitUntil(written.is_set)
    qtbot.waitUntil(lambda: not folder.exists())
