"""Inspector "U-Net: Check": what is wrong with labels and images, mended by one click."""

from __future__ import annotations

from functools import partial
from html import escape
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from napari_unet.annotations.kinds import KINDS, LabelKind
from napari_unet.engine.protocol import DryRun, JobFinished
from napari_unet.errors import UserError
from napari_unet.model.file import read_header
from napari_unet.plugin import derived
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.inspectors import mending
from napari_unet.plugin.inspectors.going import go_to
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.training_control import start_job
from napari_unet.plugin.widgets import button, words
from napari_unet.preflight import (
    Expected,
    Issue,
    Place,
    Planes,
    lint_image,
    lint_labels,
    lint_together,
)

LARGEST = 2**26
"""Pixels of labels that are looked at."""
INVITATION = "Press Check before you train."
MARKS = {"error": "Error", "warning": "Warning", "note": "Note"}


class CheckDock(InspectorDock):
    """Findings about the current image and its labels, with Fix, Go there and Undo."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("check_dock")
        self.setMinimumWidth(320)
        self.layer: Any = None
        self.kind: LabelKind = "scribbles"
        self.issues: list[Issue] = []
        self._of: ImageEntry | None = None
        """The image that layers and findings are shown of."""
        self._used: tuple[Any, str] | None = None
        self._undo: list[mending.Undo] = []
        self._job = ""
        self.busy = False
        self.labels_combo = QComboBox()
        self.labels_combo.setObjectName("check_labels")
        self.labels_combo.setToolTip("Labels to check: a Labels layer, or an image that holds them")
        self.kind_combo = QComboBox()
        self.kind_combo.setObjectName("check_kind")
        self.kind_combo.addItems(KINDS)
        self.summary = words(INVITATION)
        self.summary.setObjectName("check_summary")
        self.measured = words(faint=True)
        self.measured.setObjectName("dry_run_result")
        self.measured.hide()
        self.rows = QVBoxLayout()
        self._build()
        self.labels_combo.activated.connect(self.guard(lambda *_: self._chosen()))
        self.kind_combo.activated.connect(self.guard(lambda *_: self.check()))
        self.listen(self.session.images_changed, self.refresh_layers)
        self.listen(self.session.job_ended, self._job_ended)
        for event in ("inserted", "removed", "renamed"):
            self.listen(getattr(self.viewer.layers.events, event), self._layers_changed)
        self.refresh_layers()

    def _build(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.labels_combo, 1)
        top.addWidget(self.kind_combo)
        actions = QHBoxLayout()
        for text, tip, act, name in (
            ("Check", "Look at labels and image", self.check, "check"),
            ("Undo fix", "Take the last fix back", self.undo, "undo_fix"),
            ("Dry run", "What a training step costs on this machine", self.dry_run, "dry_run"),
        ):
            actions.addWidget(button(text, tip, self.guard(act), name=name))
        inside = QWidget()
        inside.setLayout(self.rows)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.column.addLayout(top)
        self.column.addLayout(actions)
        self.column.addWidget(self.summary)
        self.column.addWidget(scroll, 1)
        self.column.addWidget(self.measured)
        self.column.addWidget(self.message)

    # ------------------------------------------------------------ layers

    def _layers_changed(self, event: Any = None) -> None:
        self.refresh_layers()

    def look(self) -> None:
        """Follow the main dock, which does not say that another image was chosen."""
        if self.session.current is not self._of:
            self.refresh_layers()

    def refresh_layers(self) -> None:
        """Fill the list of layers that may hold labels."""
        entry = one = None
        try:
            entry, one = self.image(), self.labels()
        except UserError as error:  # it comes by itself, with a layer: nobody pressed anything
            self.say(str(error))
        if entry is not self._of:
            self._forget(entry)
        chosen = self.layer if self.layer in self.viewer.layers else None
        if one is not None and (one.layer, one.kind) != self._used:  # follow the main dock
            self._used = (one.layer, one.kind)
            chosen, self.kind = one.layer, one.kind
        box = self.labels_combo
        box.blockSignals(True)
        box.clear()
        for layer in self.viewer.layers:
            painted = isinstance(layer, LabelsLayer) and derived.role(layer) in (None, "labels")
            mask = isinstance(layer, ImageLayer) and derived.role(layer) is None
            mask = mask and not layer.multiscale and (entry is None or layer is not entry.layer)
            if painted or mask:
                box.addItem(layer.name, layer)
        known = [box.itemData(i) for i in range(box.count())]
        own = [x for x in known if id(x) not in self.session.images]
        own = [x for x in own if entry is None or _may_be_of(x, entry)]
        self.layer = chosen if chosen in known else (own[-1] if own else None)
        box.setCurrentIndex(next((i for i, x in enumerate(known) if x is self.layer), -1))
        box.blockSignals(False)
        self.kind_combo.setCurrentText(self.kind)

    def _forget(self, entry: ImageEntry | None) -> None:
        """Another image is to be checked: nothing that was found or mended is of it."""
        self._of, self._used, self.layer = entry, None, None
        self._undo.clear()
        self.issues = []
        self._clear_rows()
        self.summary.setText(INVITATION)
        if entry is not None:
            self.say("")

    def _chosen(self) -> None:
        self.layer = self.labels_combo.currentData()
        one = self.labels()
        if one is not None and one.layer is self.layer:
            self.kind = one.kind
            self.kind_combo.setCurrentText(one.kind)
        self._undo.clear()
        self.check()

    # ------------------------------------------------------------ checking

    def check(self) -> None:
        """Look at image and labels in a thread."""
        entry = self.image()
        if entry is None:
            raise UserError("Open an image first.")
        self.kind = self.kind_combo.currentText()
        layer, kind = self.layer, self.kind
        data = None if layer is None else np.array(layer.data)
        if data is not None and data.size > LARGEST:
            raise UserError(
                f"These labels have {data.size:,} pixels, more than can be checked here: use "
                "'napari-unet check' on the command line."
            )
        checkpoint = self.session.project.checkpoint
        others = [o for o in self.session.labels.values() if o.layer is not layer]
        others = [o for o in others if o.kind == kind]
        sent = [(o.entry.name, np.array(o.sent), o.entry.image.dims) for o in others]
        self.busy = True
        self.summary.setText("Looking ...")
        self.in_background(
            lambda: _look_at(entry, data, kind, checkpoint, sent), partial(self._show, entry, layer)
        )

    def failed(self, error: Exception) -> None:
        """Nothing is under way any more."""
        self.busy = False
        self.summary.setText("")
        super().failed(error)

    def _show(self, entry: ImageEntry, layer: Any, issues: list[Issue]) -> None:
        if entry is not self._of:  # another image was chosen meanwhile
            self.busy = False
            return
        if layer is not None and (shifted := mending.displaced(entry, layer)) is not None:
            issues = [shifted, *issues]
        if layer is None:
            issues = [Issue("note", "no-labels", "There are no labels yet."), *issues]
        self.issues, self.busy = issues, False
        self._clear_rows()
        for number, issue in enumerate(issues):
            self.rows.insertWidget(number, self._row(entry, issue))
        counts = {level: sum(i.level == level for i in issues) for level in MARKS}
        parts = [f"{n} {level}{'s' if n > 1 else ''}" for level, n in counts.items() if n]
        self.summary.setText(", ".join(parts) + "." if parts else "Nothing is wrong.")

    def _clear_rows(self) -> None:
        while self.rows.count() > 1:  # the last is the stretch
            item = self.rows.takeAt(0)
            item.widget().deleteLater()

    def _row(self, entry: ImageEntry, issue: Issue) -> QWidget:
        row = QFrame()
        row.setObjectName(f"issue_{issue.code}")
        row.setFrameShape(QFrame.Shape.StyledPanel)
        layout = QVBoxLayout(row)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(words(f"<b>{MARKS[issue.level]}.</b> {escape(issue.message)}"))
        buttons = QHBoxLayout()
        if issue.fix is not None or issue.code == "displaced":
            text = issue.fix.label if issue.fix is not None else "Lay them over the image"
            act = self.guard(partial(self.fix, issue))
            buttons.addWidget(button(text, "Do this; Undo fix takes it back", act,
                                     name=f"fix_{issue.code}"))  # fmt: skip
        if issue.places:
            text = "Go there" if len(issue.places) == 1 else f"Go there (1 of {len(issue.places)})"
            go = button(text, "Show it on the canvas", lambda: None, name=f"go_{issue.code}")
            tour = cycle(enumerate(issue.places, 1))
            go.clicked.connect(self.guard(lambda *_: self._go(entry, issue, tour, go)))
            buttons.addWidget(go)
        if issue.code in ("empty", "no-background", "few-pixels", "no-labels"):
            act = self.guard(partial(self._paint, issue))
            buttons.addWidget(button("Paint", "Take up the brush", act, name=f"paint_{issue.code}"))
        if buttons.count():
            buttons.addStretch(1)
            layout.addLayout(buttons)
        return row

    def _go(self, entry: ImageEntry, issue: Issue, tour: Any, go: Any) -> None:
        number, place = next(tour)
        if len(issue.places) > 1:
            go.setText(f"Go there ({number} of {len(issue.places)})")
        show_place(self.viewer, entry, place)

    # ------------------------------------------------------------ acting

    def fix(self, issue: Issue) -> None:
        """One click: do it, and look again."""
        self.look()
        entry, layer = self.image(), self.layer
        if not any(one is issue for one in self.issues):
            raise UserError("Another image was chosen meanwhile: press Check again.")
        if entry is None or layer is None or layer not in self.viewer.layers:
            raise UserError("The layer is gone: press Check again.")
        if issue.fix is None:
            self._undo.append(mending.lay_over(entry, layer, self.kind))
        else:
            fixed = issue.fix.apply(np.asarray(layer.data))
            made, undo = mending.put(self.session, entry, layer, self.kind, fixed)
            self._undo.append(undo)
            self.layer, self.kind = made, fixed.kind
        self.refresh_layers()
        self.check()

    def undo(self) -> None:
        """Take the last fix back."""
        if not self._undo:
            raise UserError("There is no fix to take back.")
        self.layer, self.kind = self._undo.pop()()
        self.refresh_layers()
        self.check()

    def _paint(self, issue: Issue) -> None:
        entry = self.image()
        if self.layer is None and entry is not None:
            self.session.new_labels(entry, self.kind)
            return
        self.viewer.layers.selection.active = self.layer
        if issue.code != "few-pixels":
            self.layer.selected_label = 1
        self.layer.mode = "paint"

    def dry_run(self) -> None:
        """Let the engine make a few steps and measure them."""
        session = self.session
        session.flush()
        waiting = [one.entry for one in session.labels.values() if not one.entry.ready]
        if waiting:
            raise UserError(f"{waiting[0].name} is still being read: try again in a moment.")
        if not any(one.sent.any() for one in session.labels.values()):
            raise UserError("A dry run needs labels in use: paint some of each class first.")
        classes = session.classes
        if all(one.kind == "objects" for one in session.labels.values()):
            classes = classes[:2]
        self.measured.setText("A few steps are being made ...")
        self.measured.show()
        self._job = start_job(
            session,
            "Dry run",
            DryRun,
            cancellable=True,
            network=session.network,
            preset=session.preset,
            settings=dict(session.settings),
            classes=tuple(classes),
            device=session.device,
        )
        if self._job in session.jobs:  # also where the engine dies, or the user cancels
            session.jobs[self._job].refused = self._refused
        else:
            self.measured.hide()

    def _refused(self, message: str) -> None:
        if not self.released:
            self.measured.setText(message)

    def _job_ended(self, event: Any) -> None:
        if event.job == self._job:
            done = isinstance(event, JobFinished)
            self.measured.setText(event.result["text"] if done else event.message)


def _may_be_of(layer: Any, entry: ImageEntry) -> bool:
    """Whether a layer does not say that it belongs to another image."""
    own = layer.metadata.get(derived.KEY)
    return not isinstance(own, dict) or own.get("image", entry.name) == entry.name


def show_place(viewer: Any, entry: ImageEntry, place: Place) -> None:
    """Show a place in the middle of the canvas, with some of what lies around it."""
    middle = [(a + b) / 2 - 0.5 for a, b in place.box]
    side = max(b - a for a, b in place.box[-2:])
    go_to(viewer, entry, place.index, middle, max(3.0 * side, 48.0))


def _look_at(
    entry: ImageEntry,
    data: Any,
    kind: LabelKind,
    checkpoint: Path | None,
    others: list[tuple[str, Any, int]],
) -> list[Issue]:
    """Everything that takes time; in a thread."""
    image = entry.image
    issues: list[Issue] = []
    if data is not None:
        elsewhere = {int(v) for _, sent, _ in others for v in np.unique(sent)}
        issues += lint_labels(data, kind, entry.shape, dims=image.dims, elsewhere=elsewhere)
        if others and data.shape == entry.shape and data.dtype.kind in "iu":
            planes = [Planes.of(name, sent, dims) for name, sent, dims in others]
            planes.append(Planes.of(entry.name, data, image.dims))
            issues += [
                Issue(i.level, i.code, f"{name}: {i.message}")
                for name, i in lint_together(planes, kind)
            ]
    issues += lint_image(image, _expected(checkpoint))
    return issues


def _expected(checkpoint: Path | None) -> Expected | None:
    """What the model of the project was trained on, if there is one."""
    if checkpoint is None or not checkpoint.exists():
        return None
    try:
        header = read_header(checkpoint)
    except UserError:
        return None
    known = header.normalisation
    fixed = known.method == "training"
    low, high = (known.low, known.high) if fixed else (None, None)
    return Expected(header.in_channels, header.dims, low, high, header.spacing)
