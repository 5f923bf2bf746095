"""The advice that a session got, and taking it over. No widgets."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.advice.advised import PRESET, Advised, changes
from napari_unet.advice.choosing import Advice
from napari_unet.errors import UserError

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

_advised: weakref.WeakKeyDictionary[Session, Advised] = weakref.WeakKeyDictionary()
_compared: weakref.WeakKeyDictionary[Session, Path] = weakref.WeakKeyDictionary()


def keep(session: Session, advised: Advised) -> None:
    """All docks of the session may show it."""
    _advised[session] = advised
    session.settings_changed.emit()


def advised(session: Session) -> Advised | None:
    """The latest advice."""
    return _advised.get(session)


def place_of(session: Session, network: str) -> int | None:
    """The rank of the best choice with this network; None where it was not tried, or not fit."""
    known = advised(session)
    choices = known.choices if known is not None else ()
    return next((c.rank for c in choices if c.candidate.network == network and not c.misses), None)


def keep_compared(session: Session, folder: Path) -> None:
    """A comparison was finished there: it is evidence."""
    _compared[session] = folder


def compared(session: Session) -> Path | None:
    """The folder of the latest comparison."""
    return _compared.get(session)


def take_over(session: Session, one: Advice) -> None:
    """Network, arguments, tile, batch and sigma of a choice are what the next training uses.

    Raises
    ------
    UserError
        Training is under way.
    """
    if session.training.running:
        raise UserError("Training is under way: stop it before the network is changed.")
    session.network = one.candidate.network
    session.use_preset(PRESET)
    session.settings = changes(one)
    session.settings_changed.emit()
    more = " Press Reset first: the model that there is has another network." * session.has_model
    session.tell("info", f"The next training uses {one.candidate.network} as advised.{more}")
