"""'Export' in the dock: what it asks, and what it asks of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QComboBox, QDialogButtonBox, QFileDialog, QLabel, QLineEdit, QPushButton

from napari_unet.engine.protocol import JobFinished, Ready
from napari_unet.errors import UserError
from napari_unet.plugin import training_control as control
from napari_unet.plugin.export_dialog import CHOICES, ExportDialog
from napari_unet.plugin.keep_section import KeepSection
from napari_unet.plugin.session import Session


def test_it_needs_a_model(session: Session) -> None:
    with pytest.raises(UserError, match="There is no model yet"):
        control.export_model(session, "a.onnx", "onnx")


def test_from_the_button_to_the_sentence(
    session: Session,
    qtbot: Any,
    tmp_path: Path,
    told: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session.engine.events.append(
        Ready(pid=1, device="cpu", device_name="CPU", precision="float32", torch="2")
    )
    session.tick()
    session.has_model = True
    section = KeepSection(session)
    qtbot.addWidget(section)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "a"), ""))
    for number, (format, suffix) in enumerate((("bioimageio", ".zip"), ("onnx", ".onnx"))):
        section.findChild(QPushButton, "export").click()
        asked = section.findChildren(ExportDialog)[-1]
        asked.findChild(QComboBox, "export_format").setCurrentIndex(number)
        assert asked.findChild(QLabel, "export_about").text() == CHOICES[format][1]  # type: ignore[index]
        asked.findChild(QLineEdit, "export_authors").setText("A. Person,  B. Person ,")
        asked.findChild(QLineEdit, "export_name").setText(" Round cells " * number)
        asked.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).click()
        command = session.engine.of("export_model")[-1]
        assert (command.format, command.path) == (format, str(tmp_path / f"a{suffix}"))
        assert command.authors == ("A. Person", "B. Person")
        assert command.name == ("Round cells" if number else "")
        assert session.jobs[command.job].cancellable
        result = {"text": "It was compared."}
        session.engine.events.append(JobFinished(job=command.job, result=result))
        session.tick()
        assert told[-1] == ("info", "It was compared.")
    assert not session.jobs
