"""Models, folders, projects."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.plugin import predicting
from napari_unet.plugin import training_control as control
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.plugin.widgets import Section, button, words
from napari_unet.project.project import discard, unfinished


class KeepSection(Section):
    """Save and load; what is kept by itself."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.line = words(faint=True)
        self.line.setObjectName("kept_line")
        self.restore_text = words()
        self.restore_row = QWidget()
        self._unfinished: list[Path] = []
        self._build()
        session.project_changed.connect(self.refresh)
        self.refresh()
        self.offer_restore()

    def _build(self) -> None:
        grid = QGridLayout()
        for number, (text, tip, action) in enumerate(
            (
                ("Save model", "Write the model to a .unet file", self._save_model),
                ("Load model", "Predict with a .unet file, or train it further", self._load_model),
                ("Predict folder", "Predict all images of a folder", self._predict_folder),
                ("Save project", "Keep images, labels, model under a name", self._save_project),
                ("Open project", "Go on with a project folder", self._open_project),
            )
        ):
            grid.addWidget(button(text, tip, self.guard(action)), number // 2, number % 2)
        row = QHBoxLayout(self.restore_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(button("Restore", "Open what was kept", self.guard(self._restore)))
        row.addWidget(
            button("Discard", "Delete what was kept; this cannot be undone", self.guard(self._drop))
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.restore_text)
        layout.addWidget(self.restore_row)
        layout.addLayout(grid)
        layout.addWidget(self.line)

    def refresh(self) -> None:
        """Show what is kept."""
        self.line.setText(self.session.project.text)

    def offer_restore(self) -> None:
        """Work of a napari that ended without saving is offered, never opened by itself."""
        self._unfinished = unfinished() if self.session.project.project is None else []
        offered = bool(self._unfinished)
        self.restore_text.setVisible(offered)
        self.restore_row.setVisible(offered)
        if offered:
            day, clock = self._unfinished[0].name[:10], self._unfinished[0].name[11:16]
            self.restore_text.setText(f"Unsaved work of {day} {clock.replace('-', ':')} was found.")

    # ------------------------------------------------------------ acting

    def _restore(self) -> None:
        folder = self._unfinished[0]
        self._unfinished = []
        self.restore_text.hide()
        self.restore_row.hide()
        open_project(self.session, folder)

    def _drop(self) -> None:
        discard(self._unfinished[0])
        self.offer_restore()

    def _save_model(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save model", "model.unet", "Model (*.unet)")
        if path:
            control.save_model(self.session, path)

    def _load_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load model", "", "Model (*.unet)")
        if path:
            control.load_model(self.session, path)

    def _predict_folder(self) -> None:
        images = QFileDialog.getExistingDirectory(self, "Folder of images")
        if not images:
            return
        out = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if out:
            predicting.predict_folder(self.session, images, out)

    def _save_project(self) -> None:
        folder, _ = QFileDialog.getSaveFileName(self, "Save project as a new folder", "project")
        if folder:
            self.session.flush()
            self.session.project.save_as(folder)
            self.refresh()

    def _open_project(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open project")
        if folder:
            open_project(self.session, folder)
