"""What it is fed: the next pieces that training draws, and what the deformation does to them."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QGridLayout, QHBoxLayout
from superqt import QLabeledDoubleSlider, QLabeledSlider

from napari_unet.engine.inspecting import DrawPieces, FindSafeStrength
from napari_unet.plugin.inspectors import fed_layers
from napari_unet.plugin.inspectors.asking import Asker
from napari_unet.plugin.inspectors.going import go_to
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.inspectors.pictures import Picture, coloured, grey, heat
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.widgets import button, words
from napari_unet.training.presets import preset

PIECES, COLUMNS, SIDE = 6, 3, 128
SLIDERS = {
    "elastic_sd": (0.0, 24.0),
    "elastic_points": (2, 8),
    "turned": (0.0, 1.0),
    "scale": (0.0, 1.0),
    "contrast": (0.0, 1.0),
    "brightness": (0.0, 2.0),
    "gamma": (0.0, 2.0),
    "shading": (0.0, 2.0),
    "sharpness": (0.0, 2.0),
    "noise": (0.0, 1.0),
}
"""Least and most of every strength; whole numbers have a slider of whole numbers."""
VIEWS = ("image and labels", "image", "weights")


class WhatItIsFedDock(InspectorDock):
    """Sliders for every strength, the next draws under them, and warnings."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("what_it_is_fed_dock")
        self.asker, self.safe_asker = Asker(self), Asker(self)
        self.arrays: dict[str, Any] = {}
        self.pieces: list[dict[str, Any]] = []
        self.chosen: int | None = None
        self.skip = 0
        self._asked: tuple[Any, ...] | None = None
        self.sliders: dict[str, Any] = {}
        self.rotation, self.mirror, self.view = QComboBox(), QCheckBox(), QComboBox()
        self.step, self.warning, self.found = words(faint=True), words(), words()
        self._build()
        self._fill()
        self.listen(self.session.settings_changed, self._fill)
        self.listen(self.session.images_changed, self._fill)  # objects are zoomed more

    def _build(self) -> None:
        row = QHBoxLayout()
        self.view.setObjectName("fed_view")
        self.view.addItems(VIEWS)
        self.view.activated.connect(lambda *_: self._show())
        row.addWidget(self.view, 1)
        row.addWidget(button("Next", "The draws after these", self.guard(self._next), name="next"))
        layers = button("As layers", "Put these pieces beside the image", self.guard(self._layers))
        row.addWidget(layers)
        self.column.addLayout(row)
        grid = QGridLayout()
        grid.setSpacing(4)
        self.pictures = [
            Picture(f"piece_{n}", self.guard(lambda n=n: self._choose(n))) for n in range(PIECES)
        ]
        for number, picture in enumerate(self.pictures):
            picture.setToolTip("A click shows on the image where this piece was taken")
            grid.addWidget(picture, number // COLUMNS, number % COLUMNS)
        self.column.addLayout(grid)
        self.warning.setObjectName("fed_warning")
        self.column.addWidget(self.step)
        self.column.addWidget(self.warning)
        self.safe = button(
            "Largest safe elastic strength",
            "Find the largest elastic_sd that folds nothing and hardly splits or merges objects",
            self.guard(self._find_safe),
            name="safe",
        )
        self.column.addWidget(self.safe)
        self.found.setObjectName("found_safe")
        self.column.addWidget(self.found)
        form = QFormLayout()
        described = type(preset()).model_fields
        for name, (low, high) in SLIDERS.items():
            whole = isinstance(low, int)
            kind = QLabeledSlider if whole else QLabeledDoubleSlider
            slider = kind(Qt.Orientation.Horizontal)
            slider.setRange(low, high)
            if not whole:
                slider.setDecimals(2)
            slider.setObjectName(f"fed_{name}")
            slider.setToolTip(described[name].description or name)
            slider.valueChanged.connect(self.guard(self._moved))
            self.sliders[name] = slider
            form.addRow(name.replace("_", " "), slider)
        self.rotation.setObjectName("fed_rotation")
        self.rotation.addItems(["free", "quarter", "none"])
        self.rotation.activated.connect(self.guard(self._moved))
        self.mirror.setObjectName("fed_mirror")
        self.mirror.clicked.connect(self.guard(self._moved))
        form.addRow("rotation", self.rotation)
        form.addRow("mirror", self.mirror)
        self.column.addLayout(form)
        self.column.addWidget(
            words("The next training that begins anew uses these strengths.", faint=True)
        )
        self.column.addWidget(self.message)
        self.column.addStretch(1)

    # ------------------------------------------------------------ strengths

    def strengths(self) -> dict[str, Any]:
        """Fields of the preset as the sliders stand."""
        values: dict[str, Any] = {
            name: int(s.value()) if name == "elastic_points" else round(float(s.value()), 2)
            for name, s in self.sliders.items()
        }
        return values | {
            "rotation": self.rotation.currentText(),
            "mirror": self.mirror.isChecked(),
        }

    def _fill(self) -> None:
        session = self.session
        recipe = recipe_of(session)
        for name, slider in self.sliders.items():
            slider.blockSignals(True)
            slider.setMaximum(max(SLIDERS[name][1], getattr(recipe, name)))
            slider.setValue(getattr(recipe, name))
            slider.blockSignals(False)
        self.rotation.setCurrentText(recipe.rotation)
        self.mirror.setChecked(recipe.mirror)

    def _moved(self, *_: Any) -> None:
        session = self.session
        plain = recipe_of(session, {})
        for name, value in self.strengths().items():
            if value == getattr(plain, name):
                session.settings.pop(name, None)
            else:
                session.settings[name] = value
        session.settings_changed.emit()

    # ------------------------------------------------------------ asking

    def look(self) -> None:
        """Ask for the draws of the sliders as they stand, once the last answer is there."""
        if self.asker.busy or not self.session.engine_was_ready:
            return
        one = self.labels()
        if one is None or not any(known.sent.any() for known in self.session.labels.values()):
            self.say("Paint some labels first: pieces are drawn where labels are.")
            return
        wanted = (self.strengths(), self.skip, self._version())
        if wanted == self._asked:
            return
        self._asked = wanted
        self.say("")
        self.asker.ask(
            "Drawing pieces",
            DrawPieces,
            self._drawn,
            needs=one.entry,
            parcel=True,
            recipe=self.asker.recipe(),
            strengths=wanted[0],
            pieces=PIECES,
            skip=self.skip,
        )

    def _version(self) -> tuple[Any, ...]:
        """What else the draws depend on: the labels, and the step when training rests."""
        session = self.session
        step = None if session.training.phase == "training" else session.training.step
        painted = tuple((k, one.touched) for k, one in session.labels.items())
        return step, painted, session.network, session.preset, session.has_model

    def _drawn(self, result: dict[str, Any], arrays: dict[str, Any]) -> None:
        self.arrays, self.pieces = arrays, result["pieces"]
        self._show()
        if self.chosen is not None:
            self._mark(self.chosen)

    def _next(self) -> None:
        steps = [piece["step"] for piece in self.pieces]
        self.skip += max(1, steps[-1] - steps[0] + 1) if steps else 1

    def _find_safe(self) -> None:
        strengths = self.strengths()
        self.safe.setEnabled(False)
        self.found.setText("Looking ...")
        one = self.labels()
        self.safe_asker.ask(
            "Looking for the largest safe strength",
            FindSafeStrength,
            self._found_safe,
            needs=one.entry if one is not None else None,
            recipe=self.asker.recipe(),
            strengths=strengths,
        )

    def _found_safe(self, result: dict[str, Any]) -> None:
        self.safe.setEnabled(True)
        sd, limit = result["elastic_sd"], result["limit"]
        why = {
            "folds": "above it draws fold over themselves",
            "objects": "above it more objects split or merge",
            "": "nothing stronger was tried",
        }[limit]
        slider = self.sliders["elastic_sd"]
        slider.setMaximum(max(slider.maximum(), sd))
        slider.setValue(sd)
        self.found.setText(f"The largest safe elastic sd is {sd:g} px: {why}.")

    def failed(self, error: Exception) -> None:
        """Also lets the button be pressed again."""
        self.safe.setEnabled(True)
        self.found.setText("")
        super().failed(error)

    # ------------------------------------------------------------ showing

    def _show(self) -> None:
        colors = [c.color for c in self.session.classes]
        view = self.view.currentText()
        border = None
        for number, picture in enumerate(self.pictures):
            if number >= len(self.pieces):
                picture.clear()
                continue
            image = self.arrays["images"][number]
            classes, weights = self.arrays["classes"][number], self.arrays["weights"][number]
            border = [(a - b) // 2 for a, b in zip(image.shape[1:], classes.shape, strict=True)]
            base = grey(image)
            inner = base[border[0] : border[0] + len(classes), border[1] :][:, : classes.shape[1]]
            if view == "weights":
                shown = heat(weights, float(self.arrays["weights"].max()))
            elif view == "image":
                shown = base
            else:
                shown = coloured(inner, classes, colors)
            piece = self.pieces[number]
            bad = piece["folded"] > 0 or piece["split"]
            frame = "#ff8c1a" if bad else "#4aa3ff" if number == self.chosen else ""
            picture.show_picture(shown, SIDE, frame)
        if self.pieces:
            first, last = self.pieces[0]["step"], self.pieces[-1]["step"]
            self.step.setText(f"Steps {first + 1} to {last + 1} of training")
        self._warn()

    def _warn(self) -> None:
        folds = sum(piece["folded"] > 0 for piece in self.pieces)
        split = sum(piece["split"] for piece in self.pieces)
        merged = sum(piece["merged"] for piece in self.pieces)
        objects = sum(piece["objects"] for piece in self.pieces)
        parts = []
        if folds:
            parts.append(f"{folds} of {len(self.pieces)} draws fold over themselves")
        if split:
            parts.append(f"{split} of {objects} objects are split")
        if merged:
            parts.append(f"{merged} pairs of objects come into touch")
        self.warning.setText(
            "Careful: " + ", ".join(parts) + "." if parts else "No draw folds, splits or merges."
        )

    def _choose(self, number: int) -> None:
        if number < len(self.pieces):
            self.chosen = number
            self._show()
            self._mark(number, go=True)

    def _mark(self, number: int, *, go: bool = False) -> None:
        piece = self.pieces[number]
        entry = self.session.entry_of(piece["image"])
        if entry is None:
            return
        fed_layers.show_lines(self.viewer, entry, piece["index"], self.arrays["lines"][number])
        if go:
            go_to(self.viewer, entry, piece["index"], piece["centre"], view=None)

    def _layers(self) -> None:
        entry = self.image()
        if entry is not None and self.pieces:
            fed_layers.show_mosaic(self.viewer, entry, self.arrays, self.session.classes)

    def release(self) -> None:
        """Also gives the parcel back."""
        if not self.released:
            super().release()
            self.asker.release()
