"""Inspector "U-Net: Advise": which network fits these images and this machine, and why."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_unet.advice.advised import Advised, Trying, name_of
from napari_unet.advice.choosing import Advice
from napari_unet.comparison.planes import Written, write_planes
from napari_unet.engine.errand_protocol import Advise
from napari_unet.errors import UserError
from napari_unet.plugin import advice
from napari_unet.plugin.inspectors.choice_row import ChoiceRow
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.inspectors.path_row import PathRow
from napari_unet.plugin.inspectors.watching import ErrandWatch
from napari_unet.plugin.labelled_layers import labelled_layers
from napari_unet.plugin.widgets import button, words
from napari_unet.training.data import LabelledImage

INVITATION = (
    "Looks at the labelled layers, tries some networks for a few steps on this machine, and ranks "
    "them, in a minute or two. The model in training is left alone."
)


class AdviseDock(InspectorDock):
    """Asks a process of its own for advice and lists the choices."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("advise_dock")
        self.setMinimumWidth(340)
        self.watch = ErrandWatch(self, self._told, self.refresh)
        self.busy = False
        self._folder: Path | None = None
        self._remove: weakref.finalize[..., Any] | None = None
        self.memory, self.seconds = (
            self._limit("max_memory", " GB", "Memory for training and prediction, at most"),
            self._limit("max_seconds", " s", "Time for predicting one image, at most"),
        )
        self.comparison = PathRow("comparison", "Folder of a finished comparison (optional)")
        self.advise_button = button(
            "Advise", "Look, try and rank", self.guard_here(self.advise), name="advise"
        )
        self.cancel_button = button(
            "Cancel", "Give up", self.guard_here(self.cancel), name="cancel_advice"
        )
        self.line = words(INVITATION)
        self.line.setObjectName("advice_line")
        self.scroll = QScrollArea()
        self._build()
        self.listen(self.session.settings_changed, self._look_for_comparison)
        self._look_for_comparison()
        known = advice.advised(self.session)
        if known is not None:
            self.show_advice(known)
        self.refresh()

    def _build(self) -> None:
        form = QFormLayout()
        form.addRow("Memory", self.memory)
        form.addRow("An image in", self.seconds)
        form.addRow("Evidence", self.comparison)
        row = QHBoxLayout()
        row.addWidget(self.advise_button)
        row.addWidget(self.cancel_button)
        self.scroll.setWidgetResizable(True)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.column.addLayout(form)
        self.column.addLayout(row)
        self.column.addWidget(self.line)
        self.column.addWidget(self.scroll, 1)
        self.column.addWidget(self.message)

    @staticmethod
    def _limit(name: str, unit: str, tip: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setObjectName(name)
        spin.setRange(0, 10_000)
        spin.setSuffix(unit)
        spin.setSpecialValueText("any")
        spin.setToolTip(tip)
        return spin

    # ------------------------------------------------------------ acting

    def advise(self) -> None:
        """Write what is labelled to a temporary folder and ask. Raises UserError."""
        if self.watch.running or self.busy:
            raise UserError("Advice is being made already.")
        if self.session.dims == 3:
            raise UserError("Advice works for 2D images: choose 2D, plane by plane.")
        if self.session.training.running:
            raise UserError("Training is under way and would spoil the times: stop it first.")
        labelled = labelled_layers(self.session)
        self._clean()
        self._folder = folder = Path(tempfile.mkdtemp(prefix="napari-unet-advice-"))
        # However the dock ends, or Python: these are copies of the user's images.
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.busy = True
        self.line.setText("Looking at images and labels ...")
        self.refresh()
        self.in_background(partial(_write, folder, labelled, weakref.ref(self)), self._ask)

    def _ask(self, written: Written) -> None:
        self.busy = False
        memory, seconds = self.memory.value(), self.seconds.value()
        comparison = self.comparison.path
        task = Advise(
            images=str(written.images),
            labels=str(written.labels),
            regions=str(written.regions),
            kind=written.kind,
            memory=round(memory * 1e9) if memory else None,
            seconds_per_image=seconds or None,
            comparison=str(comparison) if comparison is not None else None,
            device=self.session.device,
        )
        self.guard_here(self.watch.start)(task, "The advice")
        self.refresh()

    def cancel(self) -> None:
        """End the process."""
        self.watch.stop()
        self._clean()
        self.line.setText(INVITATION)
        self.refresh()

    def take(self, one: Advice) -> None:
        """One click: the session uses this choice."""
        advice.take_over(self.session, one)
        reset = " Press Reset before Train: there is a model already." * self.session.has_model
        self.say(f"The next training uses {name_of(one.candidate)}.{reset}")

    # ------------------------------------------------------------ showing

    def _told(self, event: Any) -> None:
        if self.released:
            return
        match event:
            case Trying():
                what = name_of(event.candidate)
                self.line.setText(f"Trying {event.number} of {event.total}: {what} ...")
            case Advised():
                self._clean()
                advice.keep(self.session, event)
                self.show_advice(event)
            case _:  # refused, or dead
                self._clean()
                self.line.setText(INVITATION)
                self.say(event.message)

    def show_advice(self, found: Advised) -> None:
        """The choices, the best first."""
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        for one in found.choices:
            column.addWidget(ChoiceRow(one, self.guard_here(self.take)))
        column.addStretch(1)
        self.scroll.setWidget(inside)
        self.line.setText(found.plainly.replace("napari-unet compare", "Compare networks"))
        self.say(" ".join(found.notes))

    def _look_for_comparison(self) -> None:
        found = advice.compared(self.session)
        if found is not None and not self.comparison.text:
            self.comparison.show_path(found)

    def failed(self, error: Exception) -> None:
        """Nothing is under way any more."""
        self.busy = False
        self._clean()
        super().failed(error)
        self.refresh()

    def refresh(self) -> None:
        """Which buttons can be pressed."""
        if not self.released:
            self.advise_button.setEnabled(not (self.watch.running or self.busy))
            self.cancel_button.setEnabled(self.watch.running)

    # ------------------------------------------------------------ ending

    def _clean(self) -> None:
        if self._remove is not None and not self.watch.running:
            self._remove()
            self._folder = self._remove = None

    def in_window(self, window: QMainWindow) -> None:
        """The process ends with the window, too."""
        super().in_window(window)
        weak = weakref.ref(self)  # the window must not keep a dock that was closed before

        def gone(*_: Any) -> None:
            if (dock := weak()) is not None:
                dock.watch.stop()
                dock._clean()

        window.destroyed.connect(gone)

    def release(self) -> None:
        """The process ends with the dock."""
        self.watch.stop()
        super().release()
        self._clean()


def _write(folder: Path, labelled: Sequence[LabelledImage], asked: Callable[[], Any]) -> Written:
    """In a thread; nothing is left behind for a dock that has gone meanwhile."""
    try:
        return write_planes(folder, labelled)
    finally:
        dock = asked()
        if dock is None or dock.released:
            shutil.rmtree(folder, ignore_errors=True)
