"""Inspector "U-Net: Compare networks": which network is best on these images, tested fairly."""

from __future__ import annotations

import functools
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtWidgets import QHBoxLayout, QMainWindow, QProgressBar, QWidget

from napari_unet.comparison.events import Planned, Ran, Reported, Training
from napari_unet.comparison.folder import COLUMNS, Contents, read_folder, table
from napari_unet.comparison.planes import Written, clear_planes, write_planes
from napari_unet.comparison.progress import Progress
from napari_unet.comparison.store import INPUT, lock
from napari_unet.engine.errand_protocol import Compare
from napari_unet.errors import UserError
from napari_unet.plugin import advice
from napari_unet.plugin.inspectors.compare_form import CompareForm
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.inspectors.report_window import report_window
from napari_unet.plugin.inspectors.tables import RowTable
from napari_unet.plugin.inspectors.watching import ErrandWatch
from napari_unet.plugin.labelled_layers import labelled_layers
from napari_unet.plugin.widgets import button, words
from napari_unet.project.lock import FolderLock


class CompareDock(InspectorDock):
    """Starts the comparison in a process of its own and shows how it goes."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("compare_dock")
        self.setMinimumWidth(430)
        self.form = CompareForm(self.session)
        self.watch = ErrandWatch(self, self._told, self.refresh)
        self.contents: Contents | None = None
        self.busy = False
        self._progress = Progress()
        self._notes: tuple[str, ...] = ()
        self._looked_into: Path | None = None
        self._report: QWidget | None = None
        self._lock: FolderLock | None = None
        self.start_button = button(
            "Start",
            "Train and test every network, in a process of its own",
            self.guard_here(self.start),
        )
        self.cancel_button = button(
            "Cancel",
            "End it; what is finished is kept, Start goes on",
            self.guard_here(self.cancel),
        )
        self.report_button = button(
            "Report", "Read the report", self.guard_here(self.show_report), name="show_report"
        )
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.line = words()
        self.line.setObjectName("compare_progress")
        self.table = RowTable("compare_table")
        self.table.setMinimumHeight(120)
        self.table.horizontalHeader().setMinimumSectionSize(30)
        self._build()
        self.form.folder_changed.connect(self.guard_here(self._folder_changed))
        self.listen(self.session.settings_changed, self.form.refresh_networks)
        self.form.out.show_path(_first_folder())
        self.look_into_folder()
        self.refresh()

    def _build(self) -> None:
        row = QHBoxLayout()
        for one in (self.start_button, self.cancel_button, self.report_button):
            row.addWidget(one)
        self.column.addWidget(self.form, 2)
        self.column.addLayout(row)
        self.column.addWidget(self.bar)
        self.column.addWidget(self.line)
        self.column.addWidget(self.table, 3)
        self.column.addWidget(self.message)

    def failed(self, error: Exception) -> None:
        """Nothing is under way any more."""
        self.busy = False
        self._unlock()
        super().failed(error)
        self.refresh()

    # ------------------------------------------------------------ acting

    def start(self) -> None:
        """Begin, or go on with what is in the folder. Raises UserError."""
        if self.watch.running or self.busy:
            raise UserError("A comparison is running already.")
        if self.session.training.running:
            raise UserError(
                "Training is under way and would slow the comparison down: stop it first."
            )
        folder = self.form.folder()
        contents = read_folder(folder)
        if contents.begun:
            if contents.request is None:
                raise UserError(contents.sentence)
            networks = self.form.networks.ticked()
            self._lock = lock(folder)
            self._run(folder, contents.request.model_copy(update={"networks": networks}))
        elif self.form.from_layers:
            self._write_layers(folder)
        else:
            request = self.form.request()
            self._lock = lock(folder)
            self._run(folder, request)

    def _unlock(self) -> None:
        held, self._lock = self._lock, None
        if held is not None:
            held.release()

    def _write_layers(self, folder: Path) -> None:
        request = functools.partial(
            self.form.request, f"{INPUT}/images", f"{INPUT}/labels", regions=f"{INPUT}/regions"
        )
        request()  # what is missing in the form is said before anything is written
        labelled, folds = labelled_layers(self.session), self.form.folds.value()

        self._lock = lock(folder)

        def write() -> Written:
            clear_planes(folder / INPUT)
            return write_planes(folder / INPUT, labelled, folds)

        def written(found: Written) -> None:
            self.busy = False
            self._notes = (
                f"{found.number} labelled images were written to {folder / INPUT}: painting on "
                f"changes nothing there.",
                *found.notes,
            )
            self.guard_here(self._run)(folder, request(kind=found.kind))

        self.busy = True
        self.line.setText("Writing images and labels ...")
        self.refresh()
        self.in_background(write, written)

    def _run(self, folder: Path, request: Any) -> None:
        request.write(folder)
        self._unlock()  # the process takes the lock itself
        self._progress = Progress()
        self.watch.start(Compare(folder=str(folder)), "The comparison")
        self._show_progress()
        self.say(" ".join(self._notes))
        self.form.fix(True)
        self.refresh()

    def cancel(self) -> None:
        """End the process; what is finished stays."""
        self.watch.stop()
        self.line.setText("")
        self.look_into_folder()
        self.refresh()

    def show_report(self) -> None:
        """The report in a window of its own. Raises UserError when there is none yet."""
        report = read_folder(self.form.folder()).report
        if report is None:
            raise UserError("There is no report yet: it is written when all runs are done.")
        self._report = report_window(report, self)

    # ------------------------------------------------------------ what is told

    def _told(self, event: Any) -> None:
        if self.released:
            return
        if isinstance(event, Planned | Training | Ran):
            self._progress.take(event, time.monotonic())
            self._show_progress()
        match event:
            case Planned():
                self._notes = (*self._notes, *event.notes)
                self.say(" ".join(self._notes))
            case Ran():
                self._read_table()
            case Reported():
                advice.keep_compared(self.session, event.report.parent)
                failed = f", but {len(event.failed)} runs failed: Start tries them again"
                self._ended(f"Done{failed if event.failed else ''}. Report: {event.report}", 1000)
            case Training():
                pass
            case _:  # refused, or dead
                begun = self._progress.runs
                self._ended(event.message + " Start goes on with what is left." * bool(begun), 0)

    def _ended(self, text: str, bar: int) -> None:
        self._notes = ()
        self.line.setText("")
        self.look_into_folder(text)
        self.bar.setValue(bar)
        self.session.tell("info", text)

    def _show_progress(self) -> None:
        now = time.monotonic()
        self.bar.setValue(round(1000 * self._progress.done / max(1, self._progress.runs)))
        self.line.setText(self._progress.text(now))

    # ------------------------------------------------------------ what is there

    def _folder_changed(self) -> None:
        if self.form.out.path != self._looked_into:  # else only the focus has moved
            self.look_into_folder()

    def look_into_folder(self, text: str = "") -> None:
        """Show what the folder holds; ``text`` instead of the sentence about it."""
        if self.watch.running:
            raise UserError("A comparison is running: cancel it before you choose another folder.")

        self._looked_into = self.form.folder()

        def shown(contents: Contents) -> None:
            if contents.folder != self.form.out.path:
                return
            self.form.fix(contents.begun)
            if contents.begun and contents.request is not None:
                self.form.show_request(contents.request)
            self.say(text or contents.sentence)

        self._read_table(shown)

    def _read_table(self, done: Callable[[Contents], None] | None = None) -> None:
        folder = self.form.folder()

        def read() -> tuple[Contents, Any]:
            contents = read_folder(folder)
            return contents, table(contents)

        def show(found: tuple[Contents, Any]) -> None:
            self.contents, rows = found
            self.table.fill(COLUMNS, rows)
            for column in (5, 6):  # p and U-Score, which are not known for long
                self.table.setColumnHidden(column, all(row[column] is None for row in rows))
            self.table.resizeColumnsToContents()
            if done is not None:
                done(self.contents)
            self.refresh()

        self.in_background(read, show)

    def refresh(self) -> None:
        """Which buttons can be pressed."""
        if self.released:
            return
        running = self.watch.running or self.busy
        self.start_button.setEnabled(not running)
        self.cancel_button.setEnabled(self.watch.running)
        self.form.out.setEnabled(not running)
        self.bar.setVisible(running)
        self.line.setVisible(running)
        there = self.contents is not None and self.contents.report is not None
        self.report_button.setEnabled(there and not running)

    def in_window(self, window: QMainWindow) -> None:
        """The process ends with the window, too."""
        super().in_window(window)
        weak = weakref.ref(self)  # the window must not keep a dock that was closed before

        def gone(*_: Any) -> None:
            if (dock := weak()) is not None:
                dock.watch.stop()

        window.destroyed.connect(gone)

    def release(self) -> None:
        """The process ends with the dock."""
        self.watch.stop()
        self._unlock()
        super().release()


def _first_folder() -> Path:
    """The first folder in the user's home that holds no finished comparison."""
    number = 1
    while True:
        folder = Path.home() / ("unet-comparison" + (f"-{number}" if number > 1 else ""))
        try:
            contents = read_folder(folder)
            if not contents.begun or contents.finished < contents.runs:
                return folder
        except UserError:
            pass
        number += 1
