"""Boundary weights, live: what w0, sigma and the class balance do to this plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QSpinBox, QTableWidget, QTableWidgetItem
from superqt import QLabeledDoubleSlider

from napari_unet.annotations.boundary_weights import reach_of
from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.gaps import Gap, measure_gaps, suggest_sigma
from napari_unet.annotations.live_weights import LiveWeights
from napari_unet.annotations.targets import make_target
from napari_unet.errors import UserError
from napari_unet.plugin import derived
from napari_unet.plugin.inspectors.going import go_to
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.visible import current_index
from napari_unet.plugin.widgets import button, words
from napari_unet.training.presets import preset

SLIDERS = {"w0": (0.0, 50.0, 1), "sigma": (0.5, 20.0, 1), "balance": (0.0, 1.0, 2)}
"""Least, most, decimals."""
TIPS = {
    "w0": "Height of the map in the gaps (eq. 2 of the paper)",
    "sigma": "How wide a gap may be for the map to reach across it, pixels",
    "balance": "0: all classes weigh the same; 1: a rare class as much in all as a frequent one",
}
SPARE = 1.5
"""Distances are kept this much farther than needed, so that sliders rarely wait for new ones."""
LISTED = 200
ROLE = "boundary weights"


class BoundaryWeightsDock(InspectorDock):
    """Sliders, the layer that follows them, and the gaps that it protects or does not."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("boundary_weights_dock")
        self.live: LiveWeights | None = None
        self.gaps: list[Gap] = []
        self.unprotected: list[Gap] = []
        self._seen: tuple[Any, ...] | None = None
        self._plane = self._regions = np.zeros(0)
        self._place: tuple[Any, ...] = ()
        self._busy = False
        self.sliders: dict[str, QLabeledDoubleSlider] = {}
        self.near = QSpinBox()
        self.summary, self.suggestion = words(), words()
        self.table = QTableWidget(0, 3)
        self._build()
        self._fill()
        self.listen(self.session.settings_changed, self._fill)

    def _build(self) -> None:
        form = QFormLayout()
        for name, (low, high, decimals) in SLIDERS.items():
            slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
            slider.setRange(low, high)
            slider.setDecimals(decimals)
            slider.setObjectName(f"live_{name}")
            slider.setToolTip(TIPS[name])
            slider.valueChanged.connect(self.guard(self._moved))
            self.sliders[name] = slider
            form.addRow("class balance" if name == "balance" else name, slider)
        self.near.setObjectName("near")
        self.near.setRange(2, 60)
        self.near.setValue(12)
        self.near.setSuffix(" px")
        self.near.setToolTip("Objects that are no farther apart are looked at as a pair")
        self.near.valueChanged.connect(self.guard(self._measure))
        form.addRow("near is up to", self.near)
        self.column.addLayout(form)
        row = QHBoxLayout()
        self.suggestion.setObjectName("suggestion")
        self.use = button("Use it", "Set sigma to what the gaps suggest", self.guard(self._suggest))
        self.use.setObjectName("use_sigma")
        row.addWidget(self.suggestion, 1)
        row.addWidget(self.use)
        self.column.addLayout(row)
        self.summary.setObjectName("summary")
        self.column.addWidget(self.summary)
        self.table.setObjectName("gaps")
        self.table.setHorizontalHeaderLabels(["objects", "gap (px)", "why"])
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setToolTip("A click shows the gap")
        self.table.cellClicked.connect(self.guard(self._go))
        self.column.addWidget(self.table, 1)
        self.column.addWidget(
            words(
                "Training that begins from here uses these values; one that goes on keeps its own. "
                "The balance is counted on this plane here, on all labels there.",
                faint=True,
            )
        )
        self.column.addWidget(self.message)

    # ------------------------------------------------------------ values

    def values(self) -> dict[str, float]:
        """w0, sigma and balance as the sliders stand."""
        return {name: float(slider.value()) for name, slider in self.sliders.items()}

    def _fill(self) -> None:
        """Show what the next training would use."""
        session = self.session
        recipe = preset(session.preset, **{**session.settings, "network": session.network})
        for name, slider in self.sliders.items():
            value = float(getattr(recipe, name))
            if abs(slider.value() - value) < 1e-6:
                continue
            slider.blockSignals(True)
            slider.setMaximum(max(SLIDERS[name][1], value))
            slider.setValue(value)
            slider.blockSignals(False)
        self._show()

    def _moved(self, *_: Any) -> None:
        session, values = self.session, self.values()
        plain = preset(session.preset, network=session.network)
        for name, value in values.items():
            value = round(value, SLIDERS[name][2])
            if abs(value - getattr(plain, name)) < 1e-9:
                session.settings.pop(name, None)
            else:
                session.settings[name] = value
        session.settings_changed.emit()  # which shows it, here and in the main dock

    def _suggest(self) -> None:
        sigma = suggest_sigma(self.gaps, self.values()["w0"])
        if sigma is not None:
            slider = self.sliders["sigma"]
            slider.setMaximum(max(slider.maximum(), sigma))
            slider.setValue(sigma)

    # ------------------------------------------------------------ following the labels

    def look(self) -> None:
        """Take the plane that is on screen, when it or its labels are others than before."""
        one = self.labels()
        if self._busy:
            return
        if one is None:
            self._clear()
            self._seen = None
            self._forget("Make or choose labels in the U-Net dock: the weights come from them.")
            return
        index = current_index(self.viewer, one.entry)
        key = (one.entry.id, id(one.layer), one.kind, index)
        plane, regions = np.asarray(one.layer.data[index]), one.regions[index]
        values = self.values()
        same = (
            key == self._seen
            and np.array_equal(plane, self._plane)
            and np.array_equal(regions, self._regions)
        )
        if same and (self.live is None or self.live.enough(values["w0"], values["sigma"])):
            return
        self._seen, self._plane, self._regions = key, np.array(plane), np.array(regions)
        if not plane.any() and not regions.any():
            self._place = (one.entry, index)
            self._clear()
            self._forget("Nothing is labelled on this plane yet.")
            return
        if one.kind != "objects":
            self.say(
                "These labels have no ids, so only the classes weigh here: boundary weights "
                "need labels of the kind objects."
            )
        else:
            self.say("")
        reach = max(SPARE * reach_of(values["w0"], values["sigma"]), float(self.near.maximum()))
        plane, regions, kind = self._plane, self._regions, one.kind
        entry = one.entry

        def work() -> LiveWeights:
            checked, findings = check_labels(plane, kind, plane.shape)
            for finding in findings:
                if finding.level == "error" and finding.code != "empty":
                    raise UserError(f"{entry.name}: {finding.message}")
            return LiveWeights(make_target(checked, kind, complete=False, regions=regions), reach)

        def done(live: LiveWeights) -> None:
            self._busy = False
            self.live, self._place = live, (entry, index)
            self._measure()

        self._busy = True
        self.in_background(work, done)

    def failed(self, error: Exception) -> None:
        self._busy = False
        self._forget("")
        super().failed(error)

    def _forget(self, why: str) -> None:
        self.live, self.gaps = None, []
        self.say(why)
        self._list()

    def _clear(self) -> None:
        """What the map showed came from labels that are gone."""
        if not self._place:
            return
        (entry, index), self._place = self._place, ()
        layer = derived.find(self.viewer, entry, ROLE)
        if layer is not None and tuple(layer.data.shape) == entry.shape:
            derived.pixels(layer)[index] = 0
            layer.refresh()

    # ------------------------------------------------------------ showing

    def _measure(self, *_: Any) -> None:
        live = self.live
        self.gaps = []
        if live is not None and live.nearest is not None:
            self.gaps = measure_gaps(live.target, live.nearest, float(self.near.value()))
        self._show()

    def _show(self) -> None:
        """The map and the list as the sliders stand; milliseconds."""
        if self.live is not None and self._place:
            values = self.values()
            entry, index = self._place
            if entry.layer not in self.viewer.layers:
                return
            weights = self.live.weights(**values)
            layer = derived.image_layer(self.viewer, entry, ROLE, 10.0, "hot")
            derived.pixels(layer)[index] = weights
            top = max(float(weights.max()), 1e-3)
            if abs(top - layer.contrast_limits[1]) > 1e-3 * top:
                layer.contrast_limits_range = (0, top)
                layer.contrast_limits = (0, top)
            layer.refresh(thumbnail=False, extent=False, highlight=False)
        self._list()

    def _list(self) -> None:
        values = self.values()
        w0, sigma = values["w0"], values["sigma"]
        self.unprotected = [gap for gap in self.gaps if not gap.protected(w0, sigma)]
        suggested = suggest_sigma(self.gaps, w0)
        touching = sum(gap.width <= 2 for gap in self.gaps)
        protected = len(self.gaps) - len(self.unprotected)
        if not self.gaps:
            text = "No two objects are near each other." if self.live is not None else ""
        else:
            text = (
                f"{len(self.gaps)} pairs are near, {touching} of them touch: "
                f"{protected} protected, {len(self.unprotected)} not."
            )
        self.summary.setText(text)
        self.use.setEnabled(suggested is not None)
        if suggested is not None:
            self.suggestion.setText(f"The gaps suggest sigma {suggested:.1f} px.")
        elif self.gaps and w0 <= 1:
            self.suggestion.setText("w0 must be above 1 to protect any gap.")
        else:
            self.suggestion.setText("")
        shown = self.unprotected[:LISTED]
        self.table.setRowCount(len(shown))
        for row, gap in enumerate(shown):
            why = f"weight {gap.weight(w0, sigma):.2g}" if gap.labelled else "gap not labelled"
            texts = (f"{gap.ids[0]} and {gap.ids[1]}", f"{gap.width:.1f}", why)
            for column, one in enumerate(texts):
                self.table.setItem(row, column, QTableWidgetItem(one))

    def _go(self, row: int, _column: int) -> None:
        entry, index = self._place
        go_to(self.viewer, entry, index, self.unprotected[row].place)
