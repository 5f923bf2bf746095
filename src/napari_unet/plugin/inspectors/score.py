"""How good is it: choose prediction and truth, see the figures and go to every mistake."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QGridLayout, QHBoxLayout, QPushButton

from napari_unet.errors import UserError
from napari_unet.evaluation.error_map import KINDS
from napari_unet.measurements.scoring import Score, guess_truth_kind, score
from napari_unet.plugin import derived
from napari_unet.plugin.inspectors.background import Background, Failure, Stale
from napari_unet.plugin.inspectors.layer_dock import LayerDock
from napari_unet.plugin.inspectors.linking import LabelLink
from napari_unet.plugin.inspectors.places import go_to, placement_of, spatial_dims
from napari_unet.plugin.inspectors.tables import RowTable
from napari_unet.plugin.widgets import button, swatch, words

COLORS = {"missed": "#3b9cff", "false": "#ff4d4d", "split": "#ffd400", "merged": "#e052ff"}
WHAT = {
    "missed": "A true object that nothing predicted fits (IoU of one half or more)",
    "false": "A predicted object that no true one fits",
    "split": "A true object that fell into several predicted ones",
    "merged": "A predicted object that swallowed several true ones",
}
CHOSEN = "#ffffff"
"""The mistake of the chosen row."""
FIGURES = (("metric", ""), ("value", ""), ("better", "In which direction it is better"))
PLACES = (
    ("mistake", "missed, false, split or merged"),
    ("true", "Ids in the truth; with classes, of its connected parts"),
    ("predicted", "Ids in the prediction; with classes, of its connected parts"),
    ("plane", "Frame or slice"),
    ("size", "Rows times columns of its box, in pixels"),
)
AUTOMATIC = "automatic"


def is_labels(layer: Any) -> bool:
    """A Labels layer that is not a picture of mistakes."""
    return layer._type_string == "labels" and derived.role(layer) != "errors"


def is_prediction(layer: Any) -> bool:
    """A Labels layer, or an image that can hold probabilities."""
    image = layer._type_string == "image" and not layer.rgb and not layer.multiscale
    return is_labels(layer) or (image and np.dtype(layer.dtype).kind == "f")


class ScoreDock(LayerDock):
    """The dock "U-Net: Score"."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "napari_unet_score")
        self.result: Score | None = None
        self.layer: Any = None
        self._link: LabelLink | None = None
        self._listed: list[int] = []
        self._background = Background(self._show, self._busy_changed)
        self.prediction = self.layer_combo(
            "prediction_combo", "Labels, or a probability of the foreground", is_prediction
        )
        self.truth = self.layer_combo("truth_combo", "Labels that are right", is_labels)
        self.kind = QComboBox()
        self.kind.setObjectName("kind_combo")
        self.kind.addItems([AUTOMATIC, "classes", "objects", "scribbles"])
        self.kind.setToolTip(
            "What the truth holds. classes: 0 = background, 1 .. = classes. objects: the number of "
            "each object. scribbles: as painted in the dock, what is not painted does not count."
        )
        self.button: QPushButton = button(
            "Score", "Compute all figures and find every mistake", self.guard(self._score)
        )
        self.figures = RowTable("figures_table")
        self.figures.setToolTip("Figures of the whole layer; hover over one to read what it is")
        self.places = RowTable("errors_table")
        self.places.chosen.connect(self.guard(self._go))
        self.count = words(faint=True)
        self.count.setObjectName("errors_line")
        self.kinds: dict[str, QCheckBox] = {}
        self._build()
        self.listen(self.viewer.layers.events.removed, self._layer_removed)
        self._guess()

    def _build(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Prediction", self.prediction)
        form.addRow("Truth", self.truth)
        row = QHBoxLayout()
        row.addWidget(self.kind, 1)
        row.addWidget(self.button)
        form.addRow("Labels are", row)
        boxes = QGridLayout()
        for number, name in enumerate(KINDS):
            box = QCheckBox(name)
            box.setObjectName(f"show_{name}")
            box.setIcon(swatch(COLORS[name]))
            box.setToolTip(WHAT[name])
            box.setChecked(True)
            box.toggled.connect(self.guard(self._list))
            self.kinds[name] = box
            boxes.addWidget(box, number // 2, number % 2)
        self.content.addLayout(form)
        self.content.addWidget(self.figures, 2)
        self.content.addLayout(boxes)
        self.content.addWidget(self.count)
        self.content.addWidget(self.places, 3)

    def refresh_layers(self, event: Any = None) -> None:
        super().refresh_layers(event)
        self._guess()

    def _guess(self) -> None:
        """Choose what is probably meant, where nothing is chosen."""
        predictions = ("objects", "kept objects", "prediction", "probability")
        for combo, wanted in ((self.prediction, predictions), (self.truth, ("labels",))):
            if combo.layer is not None:
                continue
            by_role = {derived.role(one): one for one in self.viewer.layers if is_prediction(one)}
            found = next((by_role[role] for role in wanted if role in by_role), None)
            if found is not None:
                combo.choose(found)

    # ------------------------------------------------------------ scoring

    def _score(self) -> None:
        found, true = self.prediction.layer, self.truth.layer
        if found is None or true is None:
            raise UserError("Choose a prediction layer and a truth layer first.")
        if found is true:
            raise UserError("Prediction and truth are the same layer: choose another one.")
        if true.multiscale or found.multiscale:
            raise UserError("Layers of several resolutions cannot be scored: use the finest one.")
        if any(s <= 0 for s in true.scale):
            raise UserError(f"{true.name} has a scale that is not positive: set its pixel size.")
        kind = self._kind(true)
        dims = spatial_dims(true, len(true.data.shape))
        spacing = tuple(float(s) for s in true.scale[-dims:])
        probable = found._type_string == "image"

        def work(
            stale: Stale, prediction: Any = found.data, truth: Any = true.data
        ) -> Iterable[Any]:
            truth, prediction = np.array(truth), np.array(prediction)
            chosen = kind or guess_truth_kind(truth)
            yield (
                true,
                chosen,
                score(
                    prediction,
                    truth,
                    chosen,
                    dims=dims,
                    probability=probable,
                    spacing=spacing,
                ),
            )

        self._background.start(work)

    def _kind(self, true: Any) -> Any:
        """What the user says, else what the layer says, else None."""
        if self.kind.currentText() != AUTOMATIC:
            return self.kind.currentText()
        own = true.metadata.get(derived.KEY)
        known = own.get("kind") if isinstance(own, dict) else None
        return known if known in ("classes", "objects", "scribbles") else None

    def _busy_changed(self) -> None:
        if not self.released:
            self.button.setEnabled(not self._background.busy)
            self.button.setText("Scoring ..." if self._background.busy else "Score")

    def _show(self, part: Any) -> None:
        if isinstance(part, Failure):
            self.tell(part.message, "error")
            return
        true, kind, self.result = part
        figures = [(f.name, f.value, f.better) for f in self.result.figures]
        self.figures.fill(FIGURES, figures, [f.about for f in self.result.figures])
        self._show_layer(true)
        self._list()
        unit = str(true.units[-1])
        self.tell(f"The truth was read as {kind}; distances are in {unit}s.")

    def _show_layer(self, true: Any) -> None:
        """The error layer, updated in place where there is one of this truth."""
        assert self.result is not None
        painted = self.result.painted
        viewer = self.viewer
        if self.layer is not None and (
            self.layer.data.shape != painted.shape
            or self.layer.metadata[derived.KEY]["image"] != true.name
        ):
            self._forget_layer(remove=True)
        if self.layer is None:
            self.layer = viewer.add_labels(
                painted,
                name=f"{true.name}: errors",
                opacity=0.6,
                metadata={derived.KEY: {"image": true.name, "role": "errors"}},
                **placement_of(true),
            )
            self.layer.editable = False
            self._link = LabelLink(self.layer, self._picked)
        else:
            self.layer.data = painted
        self._color()

    # ------------------------------------------------------------ the list

    def _list(self, *_: Any) -> None:
        """The mistakes of the kinds that are ticked, in table and layer."""
        if self.result is None:
            return
        errors = self.result.errors
        for name, box in self.kinds.items():
            box.setText(f"{name} ({sum(e.error.kind == name for e in errors)})")
        wanted = {name for name, box in self.kinds.items() if box.isChecked()}
        self._listed = [i for i, e in enumerate(errors) if e.error.kind in wanted]
        rows = []
        for number in self._listed:
            one = errors[number]
            sides = " x ".join(str(b - a) for a, b in one.box)
            true, found = (
                ", ".join(map(str, ids)) for ids in (one.error.truth, one.error.prediction)
            )
            rows.append((one.error.kind, true, found, ", ".join(map(str, one.index)), sides))
        self.places.fill(PLACES, rows)
        self.places.setColumnHidden(3, not any(e.index for e in errors))
        if errors:
            self.count.setText(f"{len(errors)} mistakes; click one to go there.")
        else:
            self.count.setText("No object is missed, false, split or merged.")
        self._color()

    def _color(self, chosen: int | None = None) -> None:
        """By kind; the chosen one is white, kinds that are not ticked are not shown."""
        if self.layer is None or self.result is None:
            return
        colors = {
            e.number: COLORS[e.error.kind]
            for e in self.result.errors
            if self.kinds[e.error.kind].isChecked()
        }
        if chosen is not None:
            colors[chosen] = CHOSEN
        self.layer.colormap = derived.colormap(colors)

    def _go(self, row: int) -> None:
        assert self.result is not None
        one = self.result.errors[self._listed[row]]
        if self.layer is None:
            raise UserError("The error layer was removed: press Score to make it anew.")
        self.layer.visible = True
        sides = tuple(b - a for a, b in one.box)
        go_to(self.viewer, self.layer, one.position, sides)
        self._color(one.number)
        if self._link is not None:
            self._link.select(one.number)

    def _picked(self, label: int) -> None:
        """A mistake was picked in the layer: its row is chosen."""
        if label - 1 in self._listed:
            self.places.choose(self._listed.index(label - 1))
            self._color(label)

    # ------------------------------------------------------------ ending

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self._forget_layer()

    def _forget_layer(self, *, remove: bool = False) -> None:
        layer, self.layer = self.layer, None
        if layer is None:
            return
        if self._link is not None:
            self._link.release()
            self._link = None
        if remove and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def release(self) -> None:
        """The error layer stays, but is no longer linked."""
        self._background.stop()
        self._forget_layer()
        super().release()
