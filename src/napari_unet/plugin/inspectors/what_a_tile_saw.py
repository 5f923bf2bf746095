"""What a tile saw: click in the image; everything about the tile that predicts that pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton

from napari_unet.engine.inspecting import InspectTile
from napari_unet.errors import UserError
from napari_unet.plugin import derived
from napari_unet.plugin.inspectors import tile_layers
from napari_unet.plugin.inspectors.asking import Asker
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.inspectors.pictures import Picture, coloured, grey, heat
from napari_unet.plugin.inspectors.suspect_list import SuspectList
from napari_unet.plugin.predicting import tile_size
from napari_unet.plugin.training_control import needs_model
from napari_unet.plugin.visible import current_index
from napari_unet.plugin.widgets import words

SIDE, COLUMNS = 118, 3
PICTURES = {
    "input": "input",
    "target": "target",
    "weights": "weights",
    "probability": "output",
    "loss": "loss",
    "effective": "what it hangs on",
}
EDGE = 0.05
"""Of the greatest gradient: what lies below is left out of the effective field's size."""


class WhatATileSawDock(InspectorDock):
    """A button to click in the image with, six pictures, a few facts, and suspicious labels."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("what_a_tile_saw_dock")
        self.asker = Asker(self)
        self.arrays: dict[str, Any] = {}
        self.result: dict[str, Any] = {}
        self.point: tuple[int, ...] = ()
        self.pick = QPushButton("Click in the image")
        self.pick.setObjectName("pick_tile")
        self.pick.setCheckable(True)
        self.pick.setToolTip("While pressed, a click in the image shows the tile there")
        self.facts = words()
        self.facts.setObjectName("tile_facts")
        self.column.addWidget(self.pick)
        grid = QGridLayout()
        grid.setSpacing(4)
        self.pictures: dict[str, Picture] = {}
        for number, (name, title) in enumerate(PICTURES.items()):
            picture = Picture(f"tile_{name}", self.guard(lambda name=name: self._toggle(name)))
            picture.setToolTip("A click shows or hides the layer")
            row, column = number // COLUMNS * 2, number % COLUMNS
            grid.addWidget(picture, row, column)
            grid.addWidget(QLabel(title), row + 1, column)
            self.pictures[name] = picture
        self.column.addLayout(grid)
        self.column.addWidget(self.facts)
        self.suspects = SuspectList(self)
        self.column.addWidget(self.suspects)
        self.column.addWidget(self.message)
        self.column.addStretch(1)
        self.viewer.mouse_drag_callbacks.append(self._mouse)

    # ------------------------------------------------------------ clicking

    def _mouse(self, viewer: Any, event: Any) -> Iterator[None] | None:
        if event.button != 1 or not self.pick.isChecked():
            return None
        return self._click(event)

    def _click(self, event: Any) -> Iterator[None]:
        start = np.asarray(event.position, float)
        yield
        moved = False
        while event.type == "mouse_move":  # the view was dragged: that is no click
            moved = moved or float(np.abs(np.asarray(event.position) - start).max()) > 1
            yield
        if not moved:
            self.guard(self._at)(start)

    def _at(self, world: Any) -> None:
        entry = self.image()
        if entry is None:
            raise UserError("Open an image first.")
        position = entry.layer.world_to_data(np.asarray(world)[-entry.layer.ndim :])
        self.show_tile(tuple(round(float(position[a])) for a in entry.layer_axes()[-2:]))

    def show_tile(self, point: tuple[int, ...]) -> None:
        """Ask for the tile that predicts pixel ``point`` of the plane on screen."""
        entry = self.image()
        if entry is None:
            raise UserError("Open an image first.")
        needs_model(self.session)
        if self.asker.busy:
            return
        self.session.flush()
        index = current_index(self.viewer, entry)
        self.point = point

        def done(result: dict[str, Any], arrays: dict[str, Any]) -> None:
            self.result, self.arrays = result, arrays
            self.say("")
            if entry.layer in self.viewer.layers:
                classes = self.session.classes
                tile_layers.show_tile(self.viewer, entry, index, result, arrays, classes)
            self._show()

        self.asker.ask(
            "Looking at a tile",
            InspectTile,
            done,
            needs=entry,
            parcel=True,
            image=entry.id,
            index=index,
            point=point,
            tile=tile_size(entry),
        )

    def failed(self, error: Exception) -> None:
        """What was asked for does not come."""
        self.suspects.failed()
        super().failed(error)

    # ------------------------------------------------------------ showing

    def _show(self) -> None:
        arrays = self.arrays
        base = grey(arrays["input"])
        (top, bottom), (left, right) = self.result["output"]
        (y, _), (x, _) = self.result["input"]
        inner = base[top - y : bottom - y, left - x : right - x]
        shown = {
            "input": base,
            "probability": heat(1 - arrays["probability"][0], 1),
            "effective": heat(np.sqrt(arrays["effective"]), 1),
        }
        if "target" in arrays:
            colors = [c.color for c in self.session.classes]
            shown["target"] = coloured(inner, arrays["target"], colors)
            for name in ("weights", "loss"):
                shown[name] = heat(arrays[name], float(arrays[name].max()))
        for name, picture in self.pictures.items():
            if name in shown:
                picture.show_picture(shown[name], SIDE)
            else:
                picture.clear()
        self.facts.setText(self._facts())

    def _facts(self) -> str:
        arrays, result = self.arrays, self.result
        place = tuple(p - a for p, (a, _) in zip(self.point, result["output"], strict=True))
        probability = arrays["probability"][(slice(None), *place)]
        order = np.argsort(-probability)
        parts = [f"{result['classes'][c]} {probability[c]:.0%}" for c in order[:3]]
        text = f"Pixel {self.point[0]}, {self.point[1]}: {', '.join(parts)}."
        if "target" in arrays:
            label = int(arrays["target"][place])
            name = "not labelled" if label == 255 else f"labelled {result['classes'][label]}"
            text += f" It is {name}"
            if label != 255:
                weight, loss = float(arrays["weights"][place]), float(arrays["loss"][place])
                text += f", weight {weight:.2f}, loss {loss:.2f}"
            text += "."
        sizes = [b - a for a, b in result["receptive_field"]]
        strong = np.argwhere(arrays["effective"] > EDGE)
        extent = np.ptp(strong, axis=0) + 1 if len(strong) else (0, 0)
        text += (
            f" It can see {sizes[0]} x {sizes[1]} pixels; what it hangs on here (gradient above "
            f"{EDGE:.0%} of the greatest) is {extent[0]} x {extent[1]}."
        )
        if result["blended"]:
            text += " The prediction blends several such windows; this is one of them."
        return text

    def _toggle(self, name: str) -> None:
        entry = self.image()
        layer = derived.find(self.viewer, entry, f"tile {name}") if entry is not None else None
        if layer is not None:
            layer.visible = not layer.visible

    def release(self) -> None:
        """Also lets go of the mouse."""
        if not self.released:
            super().release()
            callbacks = self.viewer.mouse_drag_callbacks
            if self._mouse in callbacks:
                callbacks.remove(self._mouse)
            self.asker.release()
