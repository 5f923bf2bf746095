"""Which image, which labels, which class is painted."""

from __future__ import annotations

from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QColorDialog,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
)

from napari_unet.annotations.kinds import KINDS
from napari_unet.errors import UserError
from napari_unet.plugin import derived
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.session import Session
from napari_unet.plugin.visible import screen_box
from napari_unet.plugin.widgets import Section, button, swatch, words

EXPLAINED = {
    "scribbles": "Click a class, then paint a few strokes of it. What is not painted stays open.",
    "classes": "Paint all pixels of each class; what is left is background in complete regions.",
    "objects": "Each object has a number of its own, so that touching ones are kept apart.",
}


class AnnotateSection(Section):
    """Combos of layers, list of classes, regions."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.image_combo, self.labels_combo, self.kind_combo = QComboBox(), QComboBox(), QComboBox()
        for combo, name in (
            (self.image_combo, "image_combo"),
            (self.labels_combo, "labels_combo"),
            (self.kind_combo, "kind_combo"),
        ):
            combo.setObjectName(name)
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(10)
        self.kind_combo.addItems(KINDS)
        self.axes_edit = QLineEdit()
        self.axes_edit.setMaximumWidth(64)
        self.axes_edit.setToolTip(
            "What the axes of the image are: letters of t z c y x, for example zyx or cyx."
        )
        self.explained = words(faint=True)
        self.class_list = QListWidget()
        self.class_list.setObjectName("class_list")
        self.class_list.setToolTip("Click to paint a class; double-click the name to change it.")
        self._build()
        self._connect()
        self.refresh_layers()
        self.refresh_classes()

    def _build(self) -> None:
        grid = QGridLayout()
        grid.addWidget(QLabel("Image"), 0, 0)
        grid.addWidget(self.image_combo, 0, 1)
        grid.addWidget(self.axes_edit, 0, 2)
        grid.addWidget(QLabel("Kind"), 1, 0)
        grid.addWidget(self.kind_combo, 1, 1, 1, 2)
        grid.addWidget(QLabel("Labels"), 2, 0)
        grid.addWidget(self.labels_combo, 2, 1)
        new = button(
            "New",
            "Make a Labels layer beside the image",
            self.guard(self.new_labels),
            name="new_labels",
        )
        grid.addWidget(new, 2, 2)
        grid.setColumnStretch(1, 1)
        row = QHBoxLayout()
        row.addWidget(button("Add class", "One class more", self.guard(self.session.add_class)))
        row.addWidget(button("Colour", "Another colour for this class", self.guard(self._colour)))
        regions = QHBoxLayout()
        regions.addWidget(
            button(
                "View is complete",
                "Everything on screen is labelled: what is 0 there is background",
                self.guard(self.mark_view),
                name="mark_view",
            )
        )
        regions.addWidget(
            button(
                "Draw complete region",
                "Draw rectangles in which everything is labelled",
                self.guard(self.draw_region),
                name="draw_region",
            )
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addWidget(self.explained)
        layout.addWidget(self.class_list)
        layout.addLayout(row)
        layout.addLayout(regions)

    def _connect(self) -> None:
        session = self.session
        self.image_combo.activated.connect(self.guard(lambda *_: self.choose_image()))
        self.labels_combo.activated.connect(self.guard(lambda *_: self.choose_labels()))
        self.kind_combo.activated.connect(self.guard(lambda *_: self.choose_kind()))
        self.axes_edit.editingFinished.connect(self.guard(self.choose_axes))
        self.class_list.itemClicked.connect(
            self.guard(lambda item: session.pick_class(self.class_list.row(item)))
        )
        self.class_list.itemChanged.connect(self.guard(self._renamed))
        self.listen(session.images_changed, self.refresh_layers)
        self.listen(session.classes_changed, self.refresh_classes)
        events = session.viewer.layers.events
        self.listen(events.inserted, self._layers_changed)
        self.listen(events.removed, self._layers_changed)

    # ------------------------------------------------------------ showing

    def _layers_changed(self, event: Any = None) -> None:
        self.refresh_layers()

    def refresh_layers(self) -> None:
        """Fill the combos from the viewer."""
        layers = list(self.session.viewer.layers)
        images = [x for x in layers if isinstance(x, ImageLayer) and derived.role(x) is None]
        current = self.session.current
        if (current is None or current.layer not in layers) and images:
            self.guard(lambda: self.session.use_image(images[-1]))()
            current = self.session.current
        if current is not None and current.id not in self.session.labels:
            self.guard(self.session.adopt_labels)(current)
        _fill(self.image_combo, [(x.name, x) for x in images], current and current.layer)
        self.axes_edit.setText(current.image.axes if current else "")
        choices = []
        if current is not None:
            for layer in layers:
                own = isinstance(layer, LabelsLayer) and derived.role(layer) in (None, "labels")
                mask = isinstance(layer, ImageLayer) and layer is not current.layer
                mask = mask and derived.role(layer) is None and not layer.multiscale
                if (own or mask) and tuple(layer.data.shape[-2:]) == current.shape[-2:]:
                    choices.append((layer.name, layer))
        one = self.session.labels.get(current.id) if current else None
        _fill(self.labels_combo, [("choose or press New", None), *choices], one and one.layer)
        if one is not None:
            self.kind_combo.setCurrentText(one.kind)
        self.explained.setText(EXPLAINED[self.kind_combo.currentText()])

    def refresh_classes(self) -> None:
        """Fill the list of classes."""
        self.class_list.blockSignals(True)
        row = self.class_list.currentRow()
        self.class_list.clear()
        for described in self.session.classes:
            item = QListWidgetItem(swatch(described.color), described.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.class_list.addItem(item)
        self.class_list.setCurrentRow(max(row, 0))
        self.class_list.blockSignals(False)
        height = self.class_list.sizeHintForRow(0) * min(5, self.class_list.count())
        self.class_list.setFixedHeight(height + 2 * self.class_list.frameWidth() + 4)

    # ------------------------------------------------------------ acting

    def entry(self) -> ImageEntry:
        """The current image. Raises UserError when there is none."""
        if self.session.current is None:
            raise UserError("Open an image first.")
        return self.session.current

    def choose_image(self) -> None:
        """The user chose another image."""
        layer = self.image_combo.currentData()
        if layer is not None:
            self.session.use_image(layer)
            self.refresh_layers()

    def choose_axes(self) -> None:
        """The user said what the axes are."""
        entry, text = self.entry(), self.axes_edit.text().strip().lower()
        if text and text != entry.image.axes:
            self.session.use_image(entry.layer, text)
        self.refresh_layers()

    def choose_kind(self) -> None:
        """The user chose a kind: labels in use are looked at anew."""
        self.explained.setText(EXPLAINED[self.kind_combo.currentText()])
        current = self.session.current
        one = self.session.labels.get(current.id) if current else None
        if one is not None and one.kind != self.kind_combo.currentText():
            self.choose_labels()

    def choose_labels(self) -> None:
        """The user chose an existing layer."""
        layer = self.labels_combo.currentData()
        if layer is not None:
            try:
                self.session.use_labels(self.entry(), layer, self.kind_combo.currentText())
            finally:
                self.refresh_layers()

    def new_labels(self) -> None:
        """Make a Labels layer and begin to paint the first class."""
        self.session.new_labels(self.entry(), self.kind_combo.currentText())
        self.refresh_layers()

    def mark_view(self) -> None:
        """What is on screen is fully annotated."""
        entry = self.entry()
        self.session.mark_complete(entry, screen_box(entry))

    def draw_region(self) -> None:
        """Let the user draw rectangles."""
        layer = self.session.region_layer(self.entry())
        self.session.viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"

    def _renamed(self, item: QListWidgetItem) -> None:
        self.session.rename_class(self.class_list.row(item), name=item.text().strip() or None)

    def _colour(self) -> None:
        row = max(self.class_list.currentRow(), 0)
        color = QColorDialog.getColor(parent=self)
        if color.isValid():
            self.session.rename_class(row, color=color.name())


def _fill(combo: QComboBox, items: list[tuple[str, Any]], chosen: Any) -> None:
    combo.blockSignals(True)
    combo.clear()
    for text, data in items:
        combo.addItem(text, data)
    position = next((i for i, (_, data) in enumerate(items) if data is chosen), 0)
    combo.setCurrentIndex(position if items else -1)
    combo.blockSignals(False)
