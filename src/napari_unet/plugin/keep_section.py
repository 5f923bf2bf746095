"""Models, folders, projects."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFileDialog, QGridLayout, QVBoxLayout

from napari_unet.model.export import Format
from napari_unet.plugin import predicting, verifying
from napari_unet.plugin import training_control as control
from napari_unet.plugin.export_dialog import ExportDialog
from napari_unet.plugin.inspectors.tables import RowTable
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.plugin.smaller import SmallerDialog
from napari_unet.plugin.widgets import Section, button, words
from napari_unet.pruning.criteria import Method


class KeepSection(Section):
    """Save and load; what is kept by itself."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.line = words(faint=True)
        self.line.setObjectName("kept_line")
        self._shown: dict[str, Any] | None = None
        self.certificate = RowTable("certificate_table")
        self.certificate.setMinimumHeight(225)
        self.certificate.hide()
        self._build()
        self.listen(session.project_changed, self.refresh)
        self.listen(session.jobs_changed, self.refresh_certificate)
        self.refresh()
        self.refresh_certificate()

    def _build(self) -> None:
        grid = QGridLayout()
        for number, (text, tip, action) in enumerate(
            (
                ("Save model", "Write the model to a .unet file", self._save_model),
                ("Load model", "Predict with a .unet file, or train it further", self._load_model),
                ("Save project", "Keep images, labels, model under a name", self._save_project),
                ("Open project", "Go on with a project folder", self._open_project),
                ("Predict folder", "Predict all images of a folder", self._predict_folder),
                (
                    "Make it smaller",
                    "Write a smaller and faster copy of the model: channels are taken out, with a "
                    "little training on your labels in between",
                    self._make_smaller,
                ),
                ("Export", "Hand the model to other programs: model zoo, ONNX", self._export),
                (
                    "Verify",
                    "Compare what dock, command line and Python predict here, in any tiles",
                    self._verify,
                ),
            )
        ):
            grid.addWidget(button(text, tip, self.guard(action)), number // 2, number % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addWidget(self.line)
        layout.addWidget(self.certificate)

    def refresh(self) -> None:
        """Show what is kept."""
        self.line.setText(self.session.project.text)

    def refresh_certificate(self) -> None:
        """Show the latest certificate, once there is one."""
        if self._shown is self.session.certificate:
            return
        self._shown = self.session.certificate
        self.certificate.setVisible(self._shown is not None)
        columns = (
            ("same result", "Two ways to one prediction"),
            ("differs by", "Greatest difference of two probabilities"),
            ("", ""),
        )
        self.certificate.fill(columns, verifying.rows(self._shown), verifying.tips(self._shown))
        self.certificate.widen_first()

    # ------------------------------------------------------------ acting

    def _save_model(self) -> None:
        control.needs_model(self.session)
        path, _ = QFileDialog.getSaveFileName(self, "Save model", "model.unet", "Model (*.unet)")
        if path:
            control.save_model(self.session, path)

    def _load_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load model", "", "Model (*.unet)")
        if path:
            control.load_model(self.session, path)

    def _predict_folder(self) -> None:
        control.needs_model(self.session)
        images = QFileDialog.getExistingDirectory(self, "Folder of images")
        if not images:
            return
        out = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if out:
            predicting.predict_folder(self.session, images, out, rotations=self.session.rotations)

    def _make_smaller(self) -> None:
        control.needs_model(self.session)
        asked = SmallerDialog(self)
        asked.accepted.connect(self.guard(lambda: self._prune(asked.percent, asked.method)))
        asked.open()

    def _prune(self, percent: int, method: Method) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the smaller model", "smaller.unet", "Model (*.unet)"
        )
        if path:
            control.prune_model(self.session, path, percent, method)

    def _export(self) -> None:
        control.needs_model(self.session)
        asked = ExportDialog(self)
        asked.accepted.connect(
            self.guard(
                lambda: self._write_export(asked.format, asked.suffix, asked.name, asked.authors)
            )
        )
        asked.open()

    def _write_export(
        self, format: Format, suffix: str, name: str, authors: tuple[str, ...]
    ) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the model", f"model{suffix}", f"Exported model (*{suffix})"
        )
        if path:
            control.export_model(self.session, path, format, name, authors)

    def _verify(self) -> None:
        verifying.verify(self.session)

    def _save_project(self) -> None:
        folder, _ = QFileDialog.getSaveFileName(self, "Save project as a new folder", "project")
        if folder:
            self.session.save_as(folder)
            control.move_checkpoint(self.session)
            self.refresh()

    def _open_project(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open project")
        if folder:
            open_project(self.session, folder)
