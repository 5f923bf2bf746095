"""Inspector "U-Net: Score and forecast": how good, how sure, and what more would buy."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel

from napari_unet.plugin.band_plot import BandPlot, Point
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.widgets import words

TIMES = (
    ("as long as trained so far", None),
    ("1 minute", 60.0),
    ("2 minutes", 120.0),
    ("5 minutes", 300.0),
    ("10 minutes", 600.0),
    ("30 minutes", 1800.0),
    ("1 hour", 3600.0),
    ("4 hours", 14400.0),
)
MOST_POINTS = 400


class ForecastDock(InspectorDock):
    """The score with its interval, the curves against time and labels, a sentence for each."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("forecast_dock")
        self.setMinimumWidth(340)
        self.score = self._words("score_sentence")
        self.time_plot = BandPlot(_minutes)
        self.time_sentence = self._words("time_sentence")
        self.labels_plot = BandPlot(_amount)
        self.labels_sentence = self._words("labels_sentence")
        self.more_time, self.unit = QComboBox(), QComboBox()
        self._build()
        self.listen(self.session.forecasting.changed, self.refresh)
        self.listen(self.session.curves_changed, self.refresh)
        self.refresh()

    def _words(self, name: str) -> QLabel:
        made = words()
        made.setObjectName(name)
        return made

    def _build(self) -> None:
        forecasting = self.session.forecasting
        self.time_plot.setObjectName("time_plot")
        self.labels_plot.setObjectName("labels_plot")
        self.more_time.setObjectName("more_time")
        self.more_time.setToolTip("How far to look ahead; never further than training has run")
        for text, seconds in TIMES:
            self.more_time.addItem(text, seconds)
        self.more_time.setCurrentIndex(max(0, self.more_time.findData(forecasting.seconds)))
        self.more_time.activated.connect(self.guard(self._chosen))
        self.unit.setObjectName("label_unit")
        self.unit.addItem("labelled pixels", "pixels")
        self.unit.addItem("labelled objects", "objects")
        self.unit.setCurrentIndex(self.unit.findData(forecasting.unit))
        self.unit.activated.connect(self.guard(self._chosen))
        time, labels = QFormLayout(), QFormLayout()
        time.addRow("look ahead", self.more_time)
        labels.addRow("count", self.unit)
        self.column.addWidget(self.score)
        for title, form, plot, sentence in (
            ("More time", time, self.time_plot, self.time_sentence),
            ("More labels", labels, self.labels_plot, self.labels_sentence),
        ):
            self.column.addWidget(QLabel(f"<b>{title}</b>"))
            self.column.addLayout(form)
            self.column.addWidget(plot)
            self.column.addWidget(sentence)
        self.column.addWidget(self.message)
        self.column.addStretch(1)

    def _chosen(self, *_: Any) -> None:
        """The session makes another forecast with its next tick."""
        forecasting = self.session.forecasting
        forecasting.seconds = self.more_time.currentData()
        forecasting.unit = self.unit.currentData()

    def refresh(self) -> None:
        """Show what is known now."""
        forecasting = self.session.forecasting
        points = [p for p in self.session.training.points if p.mean is not None]
        self.score.setText(
            points[-1].sentence
            if points
            else "No score yet: it comes some seconds after training has begun, if there are "
            "labels enough to hold some out."
        )
        shown = points[:: max(1, len(points) // MOST_POINTS)]
        self.time_plot.show_curve(
            [Point(p.seconds, p.mean or 0.0, p.low, p.high) for p in shown], forecasting.time
        )
        self.time_sentence.setText(forecasting.time.sentence if forecasting.time else "")
        pixels = forecasting.unit == "pixels"
        amounts = [(r.labelled if pixels else r.objects, r) for r in forecasting.known()]
        self.labels_plot.show_curve(
            [Point(x, r.last, r.low, r.high) for x, r in amounts if x], forecasting.labels
        )
        self.labels_sentence.setText(forecasting.labels.sentence if forecasting.labels else "")


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _amount(number: float) -> str:
    return f"{number:,.0f}"
