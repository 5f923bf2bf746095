"""Inspector "U-Net: Where next": regions worth labelling, with reasons; one key jumps on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QListWidget, QSpinBox

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.engine.protocol import Index, Predict
from napari_unet.errors import UserError
from napari_unet.guidance import Suggestion, Weights, draw, is_crowded, rank_planes, terms_of
from napari_unet.guidance.terms import features_of, labelled_features
from napari_unet.plugin import derived
from napari_unet.plugin.correcting import class_map
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.inspectors.asking import Asker
from napari_unet.plugin.inspectors.going import go_to
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.predicting import seen
from napari_unet.plugin.training_control import needs_model
from napari_unet.plugin.widgets import button, words

KEY = "Control-Shift-N"
LARGEST = 2**27
"""Values of a predicted image up to which all its planes are looked at."""
MOST_PLANES = 8
"""Labelled planes, at most, with which others are compared."""
ROLE = "where next"
AUTOMATIC = "automatic"
ADVICE: dict[str, Weights | None] = {
    AUTOMATIC: Weights(),
    "all reasons": Weights(),
    "uncertain": Weights(1, 0, 0),
    "unlike anything labelled": Weights(0, 1, 0),
    "rare class": Weights(0, 0, 1),
    "by lot (foreground)": None,
}


class WhereNextDock(InspectorDock):
    """Predicts the current image and lists where labels would teach the most."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("where_next_dock")
        self.setMinimumWidth(320)
        self.suggestions: list[Suggestion] = []
        self.entry: ImageEntry | None = None
        self.at = -1
        self.asker = Asker(self)
        self._ref: Any = None
        self._array: Any = None
        self.busy = False
        self.advice = QComboBox()
        self.advice.setObjectName("advice")
        self.advice.addItems(list(ADVICE))
        self.advice.setToolTip(
            "Automatic is what did better in simulations: all reasons, or by lot where foreground "
            "and background meet nearly everywhere"
        )
        self.side = QSpinBox()
        self.side.setObjectName("window_side")
        self.side.setRange(16, 512)
        self.side.setValue(64)
        self.side.setSuffix(" px")
        self.side.setMinimumWidth(92)
        self.side.setToolTip("Side of the regions")
        self.list = QListWidget()
        self.list.setObjectName("suggestions")
        self.list.setWordWrap(True)
        self.list.currentRowChanged.connect(self.guard(self.go))
        self.summary = words("Train a little, then press Look.")
        self.summary.setObjectName("where_next_summary")
        self._build()
        self.viewer.bind_key(KEY, self._key, overwrite=True)

    def _build(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.advice, 1)
        row.addWidget(self.side)
        look = button(
            "Look",
            "Predict this image and rank its regions",
            self.guard(self.look_anew),
            name="look",
        )
        following = button(
            "Next",
            f"Jump to the next region ({KEY})",
            self.guard(self.next),
            name="next_suggestion",
        )
        row.addWidget(look)
        row.addWidget(following)
        self.column.addLayout(row)
        self.column.addWidget(self.summary)
        self.column.addWidget(self.list, 1)
        self.column.addWidget(self.message)

    # ------------------------------------------------------------ asking

    def look_anew(self) -> None:
        """Predict the current image; the list follows."""
        session = self.session
        needs_model(session)
        entry = self.image()
        if entry is None:
            raise UserError("Open an image first.")
        if self.busy:
            return
        image = seen(session, entry)
        shape = (*image.leading_shape, session.model_classes, *image.spatial_shape)
        if np.prod(shape, dtype=float) > LARGEST:
            raise UserError(
                f"{entry.name} is too large to be predicted whole here: go on with a part of it, "
                "or with fewer planes."
            )
        self._ref, self._array = session.engine.allocate(shape, np.float32)
        self.entry, self.busy = entry, True
        self.say("")
        self.summary.setText("Predicting ...")
        self.asker.ask(
            f"Where next in {entry.name}",
            Predict,
            self._predicted,
            needs=entry,
            cancellable=True,
            image=entry.id,
            outputs={"probability": self._ref},
            own_size=session.own_size,
        )
        if not self.asker.busy:  # it could not be asked
            self._end()

    def _predicted(self, result: dict[str, Any]) -> None:
        entry, array = self.entry, self._array
        assert entry is not None
        volumes = self.session.engine_dims(entry) == 3
        one = self.session.labels.get(entry.id)
        advice, side = self.advice.currentText(), self.side.value()
        names = [c.name for c in self.session.classes]

        def plane(index: Index) -> Any:
            return array[index[:-1]][:, index[-1]] if volumes else array[index]

        self.summary.setText("Ranking ...")
        self.in_background(lambda: _ranked(entry, plane, one, side, advice, names), self._show)

    def failed(self, error: Exception) -> None:
        """Nothing is under way any more."""
        self._end()
        super().failed(error)

    def _end(self) -> None:
        if self.busy:
            self.busy, self._array = False, None
            if not self.session.closed:
                self.session.engine.release(self._ref)
        self.summary.setText("")

    def _show(self, suggestions: list[Suggestion]) -> None:
        self._end()
        self.suggestions, self.at = suggestions, -1
        self.list.blockSignals(True)
        self.list.clear()
        for number, one in enumerate(suggestions, 1):
            place = f" · plane {', '.join(map(str, one.index))}" if one.index else ""
            reasons = "; ".join(one.reasons) or "a little of everything"
            self.list.addItem(f"{number}{place} · {reasons}")
        self.list.setCurrentRow(-1)
        self.list.blockSignals(False)
        text = f"{len(suggestions)} regions, the best first. {KEY} jumps on."
        self.summary.setText(text if suggestions else "Everything is labelled already.")

    # ------------------------------------------------------------ going

    def next(self) -> None:
        """Jump to the next region; look first when there is none yet."""
        if not self.suggestions:
            self.look_anew()
            return
        self.list.setCurrentRow((self.at + 1) % len(self.suggestions))

    def go(self, row: int) -> None:
        """Show a region and mark it with a rectangle."""
        if not 0 <= row < len(self.suggestions) or self.entry is None:
            return
        if self.entry.layer not in self.viewer.layers:
            raise UserError("The image is gone: press Look again.")
        self.at = row
        one = self.suggestions[row]
        middle = [(a + b - 1) / 2 for a, b in one.box]
        go_to(self.viewer, self.entry, one.index, middle, 3.0 * self.side.value())
        self._mark(self.entry, one)

    def _mark(self, entry: ImageEntry, one: Suggestion) -> None:
        """A rectangle around the region, in a layer of its own."""
        (top, bottom), (left, right) = one.box[-2:]
        depth = [(a + b - 1) / 2 for a, b in one.box[:-2]]
        corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
        shape = np.array([[*one.index, *depth, y - 0.5, x - 0.5] for y, x in corners], float)
        layer = derived.find(self.viewer, entry, ROLE)
        if layer is not None:
            layer.data = [shape]
            return
        active = self.viewer.layers.selection.active
        self.viewer.add_shapes(
            [shape],
            shape_type="rectangle",
            edge_color="#ffd400",
            face_color="transparent",
            edge_width=max(1, min(entry.image.spatial_shape) / 300),
            name=f"{entry.name}: {ROLE}",
            metadata=derived.note(entry, ROLE),
            **derived.placement(entry),
        )
        if active is not None:
            self.viewer.layers.selection.active = active

    def _key(self, viewer: Any) -> None:
        self.guard(self.next)()

    def release(self) -> None:
        """Let go of the key too."""
        if not self.released and self._key in self.viewer.keymap.values():
            self.viewer.bind_key(KEY, None, overwrite=True)
        if not self.released and self.asker.busy:  # nobody will read the answer
            self._end()
        super().release()


def _ranked(
    entry: ImageEntry,
    predicted: Callable[[Index], Any],
    one: LabelEntry | None,
    side: int,
    advice: str,
    names: list[str],
) -> list[Suggestion]:
    """Everything that takes time; in a thread. ``predicted``: (class, y, x) of a plane."""
    indices = list(entry.image.indices())
    whole = tuple((0, n) for n in entry.image.spatial_shape)
    maps = {
        i: class_map(one, i, whole)
        if one is not None
        else np.full(entry.image.spatial_shape, UNLABELLED, np.uint8)
        for i in indices
    }
    labelled_pixels = (m[m != UNLABELLED] for m in maps.values())
    counts = np.sum([np.bincount(v, minlength=UNLABELLED) for v in labelled_pixels], axis=0)
    weights = ADVICE[advice]
    wanted = weights is not None and weights.unlike > 0
    known = None
    if wanted:
        labelled = [i for i in indices if (maps[i] != UNLABELLED).any()][:MOST_PLANES]
        parts = [labelled_features(features_of(entry.image.read(i)), maps[i]) for i in labelled]
        known = np.concatenate(parts) if parts else None
    planes = []
    for index in indices:
        image = entry.image.read(index) if wanted else None
        probability = np.array(predicted(index))
        terms = terms_of(probability, maps[index], image, side=side, labelled=counts, known=known)
        planes.append((index, terms))
    if weights is None or (advice == AUTOMATIC and is_crowded(planes)):
        return draw(planes, seed=int(np.sum(counts)))
    return rank_planes(planes, names=names, weights=weights)
