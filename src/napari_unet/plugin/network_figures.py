"""How large a network of the list is, and how fast here: what is known before it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import QComboBox, QStyledItemDelegate, QStyleOptionViewItem

from napari_unet.networks import registry

if TYPE_CHECKING:
    from napari_unet.engine.protocol import NetworkMeasured
    from napari_unet.plugin.session import Session


def in_short(session: Session, network: str) -> str:
    """For a line of the list: "1.9 M parameters · 4.1 steps/s"."""
    parameters, measured = _known(session, network)
    parts = [] if parameters is None else [f"{_rounded(parameters)} parameters"]
    parts += [] if measured is None else [f"{1 / measured.step:.1f} steps/s"]
    return " · ".join(parts)


def in_words(session: Session, network: str) -> str:
    """A sentence, empty where nothing is known."""
    parameters, measured = _known(session, network)
    if parameters is None:
        return ""
    text = f"{_rounded(parameters)} parameters"
    if measured is None:
        return f"{text}; Check measures how fast it is here."
    return (
        f"{text}; here {1 / measured.step:.1f} steps a second, and {measured.image:.2f} s to "
        "predict 512 x 512 pixels."
    )


def _known(session: Session, network: str) -> tuple[int | None, NetworkMeasured | None]:
    """With the arguments of the recipe: others may be of any size."""
    own = session.settings if network == session.network else {}
    if own.get("arguments"):
        return None, None
    known = registry.spec(network).dims
    dims = session.dims if session.dims in known else known[0]
    measured = session.figures.get((session.preset, network)) if dims == 2 else None
    if measured is not None:
        comparable = session.device == "auto" and not own.keys() & {"tile", "batch"}
        return measured.parameters, measured if comparable else None
    return registry.parameters_in(session.preset, network, dims), None


def _rounded(number: int) -> str:
    if number >= 999_500:
        return f"{number / 1e6:.1f} M" if number < 10**7 else f"{number / 1e6:.0f} M"
    return f"{number / 1e3:.0f} k"


class FiguresInList(QStyledItemDelegate):
    """Shows what is known of each network behind its name in the open list, not in the closed one.

    ``combo`` holds the networks' names as data.
    """

    def __init__(self, session: Session, combo: QComboBox) -> None:
        super().__init__(combo)
        self._session, self._combo = session, combo
        combo.setItemDelegate(self)

    def initStyleOption(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Qt's; the text is title and figures."""
        super().initStyleOption(option, index)
        option.text = self.text(index.row())

    def text(self, row: int) -> str:
        """What line ``row`` of the open list says."""
        name = self._combo.itemData(row, Qt.ItemDataRole.UserRole)
        short = in_short(self._session, name)
        return self._combo.itemText(row) + (f"   {short}" if short else "")

    def fit(self) -> None:
        """Make the open list as wide as its longest line."""
        view = self._combo.view()
        width = max(
            view.fontMetrics().horizontalAdvance(self.text(row))
            for row in range(self._combo.count())
        )
        view.setMinimumWidth(width + 60)
