"""Networks to tick, with what is known of each beside it."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_unet.networks import registry
from napari_unet.plugin import advice
from napari_unet.plugin.session import Session

REFERENCE = "unet"
NAME = Qt.ItemDataRole.UserRole


class NetworkList(QListWidget):
    """The reference is always ticked: the others are tested against it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("networks")

    def show_networks(self, dims: int, session: Session) -> None:
        """Those that work in ``dims``; ticks stay, advice of the session stands beside them."""
        ticked = set(self.ticked())
        self.blockSignals(True)
        self.clear()
        for name in registry.names():
            spec = registry.spec(name)
            if dims not in spec.dims:
                continue
            text = f"{spec.title} · {name}"
            place = advice.place_of(session, name)
            if place is not None:
                text += f" · advised {place}."
            item = QListWidgetItem(text)
            item.setData(NAME, name)
            item.setToolTip(f"{name}: {spec.when}\n{spec.paper}")
            on = name == REFERENCE or name in ticked
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            if name == REFERENCE:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
                item.setToolTip(f"Takes part always: the others are tested against it. {spec.when}")
            self.addItem(item)
        self.blockSignals(False)

    def ticked(self) -> tuple[str, ...]:
        """Names, in the order of the list."""
        items = (self.item(row) for row in range(self.count()))
        return tuple(
            item.data(NAME) for item in items if item.checkState() == Qt.CheckState.Checked
        )

    def tick(self, names: Iterable[str] | None) -> None:
        """These and the reference; None: all."""
        wanted = None if names is None else {REFERENCE, *names}
        for row in range(self.count()):
            item = self.item(row)
            on = wanted is None or item.data(NAME) in wanted
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
