"""Asking the engine for something that ends with a result for one dock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.inspecting import Recipe
from napari_unet.engine.parcels import unpack
from napari_unet.engine.protocol import ArrayRef
from napari_unet.errors import UserError
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.training_control import start_job

if TYPE_CHECKING:
    from napari_unet.plugin.inspectors.inspector_dock import InspectorDock

PARCEL = 96 * 2**20
"""Bytes that an answer may take."""


class Asker:
    """One question at a time; what is asked meanwhile is for the dock to ask again."""

    def __init__(self, dock: InspectorDock) -> None:
        self._dock = dock
        self._ref: Any = None
        self._parcel: Any = None
        self.busy = False

    def ask(
        self,
        what: str,
        command: type,
        done: Callable[..., None],
        *,
        needs: ImageEntry | None = None,
        cancellable: bool = False,
        parcel: bool = False,
        array: ArrayRef | None = None,
        **fields: Any,
    ) -> None:
        """``done(result)``, or with ``parcel`` ``done(result, arrays)``, once the engine answers.

        ``array`` is what the engine writes into; it is released however the question ends.

        Raises :class:`UserError` where the engine does not run.
        """
        dock, session = self._dock, self._dock.session

        def ended() -> None:
            self.busy = False
            if array is not None and not session.closed:
                session.engine.release(array)

        if array is not None:
            fields["array"] = array
        if not session.engine.alive:
            ended()
            raise UserError("The engine is not running: press Train to start it again.")
        if parcel:
            if self._ref is None:
                self._ref, self._parcel = session.engine.allocate((PARCEL,), np.uint8)
            fields["parcel"] = self._ref

        def answered(result: dict[str, Any]) -> None:
            try:
                if dock.released:
                    return
                if parcel:
                    done(result, unpack(self._parcel, result["arrays"]))
                else:
                    done(result)
            except Exception as error:
                dock.failed(error)
            finally:
                ended()

        def failed(message: str) -> None:
            ended()
            if not dock.released:
                dock.failed(UserError(message))

        self.busy = True
        job = start_job(session, what, command, cancellable=cancellable, needs=needs, **fields)
        known = session.jobs.get(job)
        if known is None:  # it could not be sent, which the user has been told
            ended()
        else:
            known.answered, known.refused = answered, failed

    def recipe(self) -> Recipe:
        """What the next training would use."""
        session = self._dock.session
        return Recipe(
            network=session.network,
            preset=session.preset,
            settings=dict(session.settings),
            seed=session.seed,
        )

    def release(self) -> None:
        """Give the parcel back."""
        if self._ref is not None and not self._dock.session.closed:
            self._parcel = None
            self._dock.session.engine.release(self._ref)
        self._ref = None
