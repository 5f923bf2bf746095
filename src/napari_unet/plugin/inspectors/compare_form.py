"""What is to be compared on what: the upper half of "U-Net: Compare networks"."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_unet.advice.choosing import ALTERNATIVES
from napari_unet.comparison.progress import duration
from napari_unet.comparison.request import Request
from napari_unet.errors import UserError
from napari_unet.plugin.inspectors.network_list import NetworkList
from napari_unet.plugin.inspectors.path_row import PathRow
from napari_unet.plugin.session import Session
from napari_unet.plugin.widgets import button, words

UNITS = {"s": 1, "min": 60, "steps": 0}
LAYERS, FOLDERS = "open layers", "folders"
AUTOMATIC = "automatic"


class CompareForm(QWidget):
    """Makes a request; ``folder_changed`` when another output folder was chosen."""

    folder_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.source = QComboBox()
        self.source.setObjectName("source")
        self.source.addItem("Labelled layers of this session", LAYERS)
        self.source.addItem("Two folders", FOLDERS)
        self.images = PathRow("compare_images", "Folder of images")
        self.labels = PathRow("compare_labels", "Folder of labels, files of the same names")
        self.kind = QComboBox()
        self.kind.setObjectName("compare_kind")
        self.kind.addItems([AUTOMATIC, "classes", "objects", "scribbles"])
        self.kind.setToolTip("What the labels are; automatic: what they look like")
        self.networks = NetworkList()
        self.networks.setMinimumHeight(110)
        self.amount, self.unit, self.folds = QSpinBox(), QComboBox(), QSpinBox()
        self.amount.setObjectName("amount")
        self.amount.setRange(1, 1_000_000)
        self.amount.setValue(60)
        self.unit.setObjectName("unit")
        self.unit.addItems(list(UNITS))
        self.folds.setObjectName("folds")
        self.folds.setRange(2, 100)
        self.folds.setValue(3)
        self.folds.setToolTip(
            "Each network is trained so many times, each time without one part of the images, "
            "which it is then tested on"
        )
        self.transfer_images = PathRow("transfer_images", "Other images (optional)")
        self.transfer_labels = PathRow("transfer_labels", "and their labels")
        self.out = PathRow("compare_out", "Folder for report and runs", new=True)
        self.estimate = words(faint=True)
        self.estimate.setObjectName("estimate")
        self._fixed: list[QWidget] = []
        self._build()
        self.source.activated.connect(lambda *_: self._source_changed())
        self.out.changed.connect(self.folder_changed)
        for signal in (
            self.amount.valueChanged,
            self.folds.valueChanged,
            self.unit.currentIndexChanged,
            self.networks.itemChanged,
        ):
            signal.connect(lambda *_: self.refresh_estimate())
        self.networks.show_networks(session.dims, session)
        self.networks.tick(ALTERNATIVES)
        self._source_changed()

    def _build(self) -> None:
        self._folder_form = QWidget()
        folders = QFormLayout(self._folder_form)
        folders.setContentsMargins(0, 0, 0, 0)
        folders.addRow("Images", self.images)
        folders.addRow("Labels", self.labels)
        folders.addRow("Labels are", self.kind)
        ticks = QHBoxLayout()
        for text, tip, names in (
            ("Tick all", "Every network that works here", None),
            ("Tick quick ones", "Small and quick ones", ALTERNATIVES),
        ):
            ticks.addWidget(button(text, tip, partial(self.networks.tick, names)))
        ticks.addStretch(1)
        each = QHBoxLayout()
        each.addWidget(self.amount, 1)
        each.addWidget(self.unit)
        form = QFormLayout()
        form.addRow("Train each for", each)
        form.addRow("Folds", self.folds)
        form.addRow("Zero-shot on", self.transfer_images)
        form.addRow("", self.transfer_labels)
        form.addRow("Write to", self.out)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.source)
        column.addWidget(self._folder_form)
        column.addWidget(self.networks, 1)
        column.addLayout(ticks)
        column.addLayout(form)
        column.addWidget(self.estimate)
        self._fixed = [
            self.source, self._folder_form, self.amount, self.unit, self.folds,
            self.transfer_images, self.transfer_labels,
        ]  # fmt: skip

    # ------------------------------------------------------------ reading

    @property
    def from_layers(self) -> bool:
        return bool(self.source.currentData() == LAYERS)

    def folder(self) -> Path:
        """Where it goes; :class:`UserError` where no folder is given."""
        if self.out.path is None:
            raise UserError("Choose a folder for the report and the runs.")
        return self.out.path

    def request(self, images: str = "", labels: str = "", **more: Any) -> Request:
        """What is asked for; the paths are those of the form where they are not given.

        Raises
        ------
        UserError
            A folder is missing.
        """
        if not images:
            if self.images.path is None or self.labels.path is None:
                raise UserError("Choose a folder of images and a folder of their labels.")
            images, labels = str(self.images.path), str(self.labels.path)
            if self.kind.currentText() != AUTOMATIC:
                more["kind"] = self.kind.currentText()
        transfer = [p.path for p in (self.transfer_images, self.transfer_labels)]
        if sum(path is None for path in transfer) == 1:
            raise UserError("Zero-shot needs a folder of images and one of their labels.")
        factor = UNITS[self.unit.currentText()]
        session = self._session
        return Request(
            images=images,
            labels=labels,
            networks=self.networks.ticked(),
            transfer=None if None in transfer else (str(transfer[0]), str(transfer[1])),
            budget=float(factor * self.amount.value()) if factor else None,
            steps=None if factor else self.amount.value(),
            folds=self.folds.value(),
            preset=session.preset,
            dims=session.dims,
            seed=session.seed,
            device=session.device,
            **more,
        )

    # ------------------------------------------------------------ showing

    def show_request(self, request: Request) -> None:
        """What was asked for before; only networks can be added then."""
        self.networks.tick(request.networks)
        self.folds.setValue(request.folds)
        self.unit.setCurrentText("steps" if request.steps is not None else "s")
        self.amount.setValue(round(request.steps or request.budget or 60))
        images, labels = request.transfer or (None, None)
        self.transfer_images.show_path(images)
        self.transfer_labels.show_path(labels)

    def fix(self, fixed: bool) -> None:
        """Whether images and settings are those of a comparison that was begun."""
        for widget in self._fixed:
            widget.setEnabled(not fixed)

    def refresh_networks(self) -> None:
        """The session works in other dims, or was advised."""
        self.networks.show_networks(self._session.dims, self._session)
        self.refresh_estimate()

    def refresh_estimate(self) -> None:
        """How long all of it will take."""
        number, folds = len(self.networks.ticked()), self.folds.value()
        factor = UNITS[self.unit.currentText()]
        text = f"{number} networks x {folds} folds = {number * folds} trainings"
        if factor:
            text += f", {duration(number * folds * factor * self.amount.value())} and some more"
        self.estimate.setText(f"{text}. Recipe {self._session.preset}, {self._session.dims}D.")

    def _source_changed(self) -> None:
        self._folder_form.setVisible(not self.from_layers)
        self.refresh_estimate()
