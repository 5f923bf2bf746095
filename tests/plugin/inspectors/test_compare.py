"""A comparison from the layers of a real window: killed, gone on with, read; and its mistakes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import small_training
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLineEdit, QPushButton, QSpinBox, QWidget

from napari_unet.comparison.store import lock
from napari_unet.errors import UserError
from napari_unet.plugin import advice, main_dock
from napari_unet.plugin.inspectors.compare import CompareDock
from napari_unet.plugin.inspectors.report_window import ReportBrowser
from napari_unet.plugin.session import Session

pytestmark = pytest.mark.window


@pytest.fixture
def dock(
    make_napari_viewer: Any, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CompareDock]:
    """Two images with complete labels, one of them a stack of which two planes are labelled."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    viewer = make_napari_viewer(show=True)
    session = Session(viewer, engine=engine)
    main_dock._sessions[viewer] = session
    made = CompareDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net: Compare networks", area="right")
    yield made
    session.close()


def label(dock: CompareDock) -> None:
    """Four labelled planes: of a single image, and of a stack."""
    session, planes = dock.session, [small_training.discs(n, 40) for n in range(4)]
    for name, pixels, ids in (
        ("cells", planes[0][0], planes[0][1]),
        ("stack", np.stack([p for p, _ in planes]), np.stack([i for _, i in planes])),
    ):
        entry = session.use_image(dock.viewer.add_image(pixels, name=name))
        painted = (ids > 0) + np.uint8(1)
        if painted.ndim == 3:
            painted[0] = 0
        session.use_labels(entry, dock.viewer.add_labels(painted, name=f"{name} l"), "scribbles")


def find(dock: QWidget, kind: type, name: str) -> Any:
    found = dock.findChild(kind, name)
    assert found is not None, name
    return found


def fill(dock: CompareDock, out: Path, networks: tuple[str, ...] = ("lunet",)) -> None:
    """As a person does: 1 step, 2 folds, an output folder, some ticks."""
    find(dock, QComboBox, "unit").setCurrentText("steps")
    find(dock, QSpinBox, "amount").setValue(1)
    find(dock, QSpinBox, "folds").setValue(2)
    edit = find(dock, QLineEdit, "compare_out")
    edit.setText(str(out))
    edit.editingFinished.emit()
    tick(dock, networks)


def tick(dock: CompareDock, networks: tuple[str, ...]) -> None:
    rows = dock.form.networks
    for item in (rows.item(row) for row in range(rows.count())):
        on = item.data(Qt.ItemDataRole.UserRole) in ("unet", *networks)
        item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


def click(dock: CompareDock, name: str) -> None:
    button = find(dock, QPushButton, name)
    assert button.isEnabled(), name
    button.click()


def shown(dock: CompareDock) -> list[str]:
    model = dock.table.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def settled(dock: CompareDock, qtbot: Any) -> Callable[[], bool]:
    qtbot.wait(300)
    return lambda: not dock.watch.running and not dock.busy


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_killed_gone_on_with_and_read(dock: CompareDock, qtbot: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    label(dock)
    fill(dock, out)
    assert "2 networks x 2 folds = 4 trainings" in dock.form.estimate.text()
    click(dock, "start")
    qtbot.waitUntil(lambda: shown(dock) == ["unet"], timeout=120_000)
    assert f"4 labelled images were written to {out / 'input'}" in dock.message.text()
    names = {path.stem for path in (out / "input" / "images").iterdir()}
    assert names == {"cells", "stack_z0001", "stack_z0002", "stack_z0003"}
    assert "of 4" in dock.line.text() or "getting ready" in dock.line.text()
    os.kill(dock.watch.pid or 0, signal.SIGKILL)
    qtbot.waitUntil(lambda: "was killed" in dock.message.text(), timeout=20_000)
    assert dock.message.text().endswith("Start goes on with what is left.")

    # Somebody opens napari again and the folder is there: it is gone on with as it was.
    again = CompareDock(dock.viewer)
    dock.viewer.window.add_dock_widget(again, name="again", area="right")
    fill(again, out, ())
    qtbot.waitUntil(lambda: "unfinished comparison" in again.message.text(), timeout=20_000)
    assert again.form.networks.ticked() == ("unet", "lunet")
    assert not find(again, QSpinBox, "folds").isEnabled()
    assert shown(again)[0] == "unet"
    click(again, "start")
    qtbot.waitUntil(lambda: again.message.text().startswith("Done"), timeout=120_000)
    qtbot.waitUntil(lambda: set(shown(again)) == {"unet", "lunet"}, timeout=20_000)
    assert not again.table.isColumnHidden(5)
    assert again.table.isColumnHidden(6)
    assert advice.compared(again.session) == out
    click(again, "show_report")
    report = find(again, ReportBrowser, "report")
    assert "Of 1 network tested against unet" in report.toPlainText()
    report.window().close()


def test_closing_the_dock_ends_the_process(dock: CompareDock, qtbot: Any, tmp_path: Path) -> None:
    label(dock)
    fill(dock, tmp_path / "out")
    click(dock, "start")
    qtbot.waitUntil(lambda: dock.watch.running, timeout=60_000)
    process = psutil.Process(dock.watch.pid)
    dock.viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(
        lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE,
        timeout=20_000,
    )
    assert dock.released


def test_closing_the_window_ends_it_all(dock: CompareDock, qtbot: Any, tmp_path: Path) -> None:
    label(dock)
    fill(dock, tmp_path / "out")
    click(dock, "start")
    qtbot.waitUntil(lambda: dock.watch.running, timeout=60_000)
    process = psutil.Process(dock.watch.pid)
    dock._read_table()  # comes back when the dock has gone
    dock.viewer.close()
    qtbot.waitUntil(
        lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE,
        timeout=20_000,
    )
    assert dock.released


def test_two_folders_and_cancel(dock: CompareDock, qtbot: Any, tmp_path: Path) -> None:
    find(dock, QComboBox, "source").setCurrentIndex(1)
    find(dock, QComboBox, "source").activated.emit(1)
    fill(dock, tmp_path / "out")
    click(dock, "start")
    assert "Choose a folder of images" in dock.message.text()
    find(dock, QLineEdit, "compare_images").setText(str(tmp_path / "nowhere"))
    find(dock, QLineEdit, "compare_labels").setText(str(tmp_path))
    click(dock, "start")
    qtbot.waitUntil(lambda: "does not exist" in dock.message.text(), timeout=60_000)
    assert find(dock, QPushButton, "start").isEnabled()
    click(dock, "start")
    click(dock, "cancel")
    assert not dock.watch.running
    assert find(dock, QPushButton, "start").isEnabled()


def test_another_window_compares_there(dock: CompareDock, qtbot: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    label(dock)
    fill(dock, out)
    with lock(out):
        click(dock, "start")
        assert f"A comparison is running in {out} already" in dock.message.text()
        assert [path.name for path in out.iterdir()] == ["lock"]
    click(dock, "start")
    assert "running in" not in dock.message.text()
    with pytest.raises(UserError, match="running in"):  # while images and labels are written
        lock(out)
    qtbot.waitUntil(lambda: dock.watch.running, timeout=60_000)
    click(dock, "cancel")


def test_mistakes_are_one_sentence(dock: CompareDock, qtbot: Any, tmp_path: Path) -> None:
    fill(dock, tmp_path / "out")
    click(dock, "start")
    assert "Nothing is labelled yet" in dock.message.text()
    label(dock)
    find(dock, QSpinBox, "folds").setValue(50)
    click(dock, "start")
    qtbot.waitUntil(lambda: "too small to be cut" in dock.message.text(), timeout=20_000)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("Dear reader")
    fill(dock, tmp_path / "full")
    qtbot.waitUntil(lambda: "holds other files" in dock.message.text(), timeout=20_000)
    assert not find(dock, QPushButton, "show_report").isEnabled()
    dock.session.training.phase = "training"
    click(dock, "start")
    assert "stop it first" in dock.message.text()
