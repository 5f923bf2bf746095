"""Network and recipe, Train to Reset, curves."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_unet.networks import registry
from napari_unet.plugin import training_control as control
from napari_unet.plugin.arguments_form import ArgumentsForm
from napari_unet.plugin.network_figures import FiguresInList, in_words
from napari_unet.plugin.plots import CurvePlot
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.session import Session
from napari_unet.plugin.widgets import Section, button, words
from napari_unet.training.presets import WHEN, preset, presets

PHASES = {
    "idle": "not trained yet",
    "starting": "starting ...",
    "training": "training",
    "paused": "paused",
    "stopped": "stopped, model kept",
    "failed": "stopped by a fault",
}
ADVANCED = ("tile", "batch", "elastic_sd", "w0", "sigma", "balance", "learning_rate")


class TrainSection(Section):
    """Buttons and curves."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.network_combo, self.preset_combo = QComboBox(), QComboBox()
        self.dims_combo = QComboBox()
        self.dims_combo.setObjectName("dims_combo")
        self.dims_combo.addItem("2D, plane by plane", 2)
        self.dims_combo.addItem("3D, volumes", 3)
        self.dims_combo.setToolTip(
            "3D takes the planes of a stack together. Voxel sizes are those of the layer's scale: "
            "poolings and pieces follow them."
        )
        self.network_combo.setObjectName("network_combo")
        self.preset_combo.setObjectName("preset_combo")
        for name in registry.names():
            self.network_combo.addItem(registry.spec(name).title, name)
        self.figures_in_list = FiguresInList(session, self.network_combo)
        for number, name in enumerate(presets()):
            self.preset_combo.addItem(name, name)
            self.preset_combo.setItemData(number, WHEN[name], 3)
        for combo in (self.network_combo, self.preset_combo, self.dims_combo):
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(8)
        self.train_button = button(
            "Train", "Learn from the labels, or go on learning", self.guard(self._train)
        )
        self.train_button.setStyleSheet("QPushButton { font-weight: bold; }")
        self.pause_button = button(
            "Pause", "Keep everything as it is for a while", self.guard(self._pause)
        )
        self.stop_button = button("Stop", "End training; the model is kept", self.guard(self._stop))
        self.reset_button = button(
            "Reset", "Forget the network and begin anew; labels stay", self.guard(self._reset)
        )
        self.state_label, self.speed_label, self.when = (
            words(),
            words(faint=True),
            words(faint=True),
        )
        self.state_label.setObjectName("training_state")
        self.plot = CurvePlot()
        self.forecast_label = words()
        self.forecast_label.setObjectName("forecast_line")
        self.advanced = QCollapsible("Settings of the training")
        self._spins: dict[str, QSpinBox | QDoubleSpinBox] = {}
        self._build()
        self.network_combo.activated.connect(self.guard(lambda *_: self._chosen()))
        self.preset_combo.activated.connect(self.guard(lambda *_: self._chosen()))
        self.dims_combo.activated.connect(self.guard(lambda *_: self._dims_chosen()))
        self.listen(session.settings_changed, self._fill_settings)
        self.listen(session.figures_changed, self._show_networks)
        self.listen(session.training_changed, self.refresh)
        self.listen(session.curves_changed, self.refresh_curves)
        self.listen(session.forecasting.changed, self.refresh_curves)
        self._fill_settings()
        self.refresh()
        self.refresh_curves()

    def _build(self) -> None:
        grid = QGridLayout()
        grid.addWidget(QLabel("Network"), 0, 0)
        grid.addWidget(self.network_combo, 0, 1)
        grid.addWidget(
            button("Advise", "Which network fits these images, and why", self.guard(self._advise)),
            0,
            2,
        )
        grid.addWidget(QLabel("Recipe"), 1, 0)
        grid.addWidget(self.preset_combo, 1, 1, 1, 2)
        grid.addWidget(QLabel("Works in"), 2, 0)
        grid.addWidget(self.dims_combo, 2, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        row = QHBoxLayout()
        for one in (self.train_button, self.pause_button, self.stop_button, self.reset_button):
            row.addWidget(one)
        form_widget = QWidget()
        form = QFormLayout(form_widget)
        form.setContentsMargins(4, 0, 4, 0)
        self.arguments = ArgumentsForm(self.guard(self._edited))
        form.addRow(self.arguments)
        for name in (*ADVANCED, "seed"):
            self._spins[name] = spin = self._spin(name)
            form.addRow(name.replace("_", " "), spin)
        self.device_combo = QComboBox()
        self.device_combo.addItems(["auto", "cpu", "cuda", "mps"])
        self.device_combo.activated.connect(lambda *_: self._edited())
        form.addRow("device", self.device_combo)
        self.advanced.addWidget(form_widget)
        self.advanced.layout().setContentsMargins(0, 0, 0, 0)
        self.advanced.content().layout().setContentsMargins(0, 4, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addWidget(self.when)
        layout.addLayout(row)
        layout.addWidget(self.state_label)
        layout.addWidget(self.plot)
        layout.addWidget(self.forecast_label)
        layout.addWidget(self.speed_label)
        layout.addWidget(self.advanced)

    def _spin(self, name: str) -> QSpinBox | QDoubleSpinBox:
        whole = name in ("tile", "batch", "seed")
        spin: QSpinBox | QDoubleSpinBox = QSpinBox() if whole else QDoubleSpinBox()
        spin.setObjectName(f"setting_{name}")
        if isinstance(spin, QSpinBox):
            spin.setRange(0 if name == "seed" else 1, 2**30 if name == "seed" else 4096)
        else:
            spin.setDecimals(5 if name == "learning_rate" else 2)
            spin.setRange(0.0, 1000.0)
        described = type(preset()).model_fields.get(name)
        spin.setToolTip((described.description if described else "") or name)
        spin.editingFinished.connect(self.guard(self._edited))
        return spin

    def _fill_settings(self) -> None:
        session = self.session
        self.network_combo.setCurrentIndex(max(0, self.network_combo.findData(session.network)))
        self.preset_combo.setCurrentIndex(max(0, self.preset_combo.findData(session.preset)))
        self.dims_combo.setCurrentIndex(self.dims_combo.findData(session.dims))
        recipe = recipe_of(session)
        for name, spin in self._spins.items():
            spin.blockSignals(True)
            if name == "seed":
                spin.setValue(session.seed)
            else:
                spin.setValue(getattr(recipe, name))
            spin.blockSignals(False)
        spec = registry.spec(session.network)
        checked = registry.check_arguments(recipe.network, recipe.arguments, self._dims())
        self.arguments.show_arguments(spec.arguments, checked.model_dump())
        self._show_networks()

    def _show_networks(self) -> None:
        """When to choose each, how large it is and how fast here."""
        session = self.session
        for number, name in enumerate(registry.names()):
            spec = registry.spec(name)
            figures = in_words(session, name)
            tip = "\n".join(filter(None, (spec.when, figures, spec.paper)))
            self.network_combo.setItemData(number, tip, 3)
            if name == session.network:
                self.network_combo.setToolTip(tip)
                text = f"{WHEN[session.preset]} {spec.title}: {_first_lower(spec.when)} {figures}"
                self.when.setText(text.strip())
        self.figures_in_list.fit()

    def _chosen(self) -> None:
        self.session.network = self.network_combo.currentData()
        self.session.use_preset(self.preset_combo.currentData())
        self.session.settings = {}
        known = registry.spec(self.session.network).dims
        try:
            if self.session.dims not in known:
                self.session.set_dims(known[0])
        finally:
            self.session.settings_changed.emit()

    def _dims_chosen(self) -> None:
        try:
            self.session.set_dims(self.dims_combo.currentData())
        finally:
            self._fill_settings()

    def _dims(self) -> int:
        """Those of the session, if the network knows them."""
        known = registry.spec(self.session.network).dims
        return self.session.dims if self.session.dims in known else known[0]

    def _edited(self) -> None:
        session = self.session
        plain = recipe_of(session, {})
        dims = self._dims()
        known = registry.check_arguments(plain.network, plain.arguments, dims)
        here = {*ADVANCED, "arguments"}
        settings: dict[str, object] = {k: v for k, v in session.settings.items() if k not in here}
        arguments = {
            name: value
            for name, value in self.arguments.values().items()
            if value != getattr(known, name)
        }
        # What the form does not show stays.
        before = session.settings.get("arguments", {})
        arguments |= {k: v for k, v in before.items() if k not in self.arguments.values()}
        if arguments:
            settings["arguments"] = arguments
        for name in ADVANCED:
            if abs(self._spins[name].value() - getattr(plain, name)) > 1e-9:
                settings[name] = self._spins[name].value()
        recipe = recipe_of(session, settings)  # raises UserError
        registry.check_arguments(recipe.network, recipe.arguments, dims)
        session.settings = settings
        session.seed = int(self._spins["seed"].value())
        session.device = self.device_combo.currentText()
        self._show_networks()

    # ------------------------------------------------------------ showing

    def refresh(self) -> None:
        """Show where training is."""
        state = self.session.training
        running = state.running
        self.train_button.setEnabled(not running)
        self.train_button.setText("Train" if not self.session.has_model else "Train on")
        self.pause_button.setEnabled(running)
        self.pause_button.setText("Resume" if state.phase == "paused" else "Pause")
        self.stop_button.setEnabled(running)
        self.reset_button.setEnabled(not running and self.session.has_model)
        text = PHASES[state.phase].capitalize()
        if state.step:
            text += f" · step {state.step} · {_clock(state.seconds)}"
        if state.phase == "training" and state.speed:
            text += f" · {state.speed:.1f} steps/s"
        self.state_label.setText(text)
        facts = self.session.engine_text
        if state.parameters:
            facts = (
                f"{state.parameters:,} parameters · {state.device} {state.precision} · "
                f"{state.batch} x {_side(state.tile)} px a step"
            )
        self.speed_label.setText(facts)

    def refresh_curves(self) -> None:
        """Draw the curves anew."""
        state = self.session.training
        scores = []
        for step, _, values in state.scores:
            known = [v for v in values if v is not None]
            if known:
                scores.append((step, sum(known) / len(known)))
        self.plot.setVisible(bool(state.losses))
        self.plot.show_curves(state.losses, scores)
        line = self.session.forecasting.line
        self.forecast_label.setVisible(bool(line))
        self.forecast_label.setText(line)

    # ------------------------------------------------------------ acting

    def _advise(self) -> None:
        from napari_unet.plugin.inspectors.advise import AdviseDock
        from napari_unet.plugin.inspectors.opening import open_inspector

        open_inspector(self.session.viewer, AdviseDock, "U-Net: Advise").advise()

    def _train(self) -> None:
        control.train(self.session)

    def _pause(self) -> None:
        control.pause(self.session)

    def _stop(self) -> None:
        control.stop(self.session)

    def _reset(self) -> None:
        control.reset(self.session)


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _side(tile: tuple[int, ...]) -> str:
    """Of a square piece its side, of a box all of them."""
    return str(tile[-1]) if len(tile) < 3 else "(" + " x ".join(map(str, tile)) + ")"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
