"""The session's forecasts: made anew in a thread whenever there is another score."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_unet.errors import UserError
from napari_unet.forecast.forecasts import Forecast, forecast_labels, forecast_time
from napari_unet.forecast.points import HeldOutScore, TrainingRecord, records
from napari_unet.project.trainings import FILE, Trainings

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

log = logging.getLogger(__name__)
Unit = Literal["pixels", "objects"]


@dataclass(frozen=True)
class Asked:
    """What a forecast is made from."""

    scores: tuple[HeldOutScore, ...]
    trainings: tuple[TrainingRecord, ...]
    seconds: float | None
    unit: Unit


class Forecasting:
    """Remembers what trainings reached, and says what more of time and labels would buy.

    ``seconds`` and ``unit`` are what the dock asks for; None = as far as may be said.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.trainings = Trainings()
        self.seconds: float | None = None
        self.unit: Unit = "pixels"
        self.time: Forecast | None = None
        self.labels: Forecast | None = None
        self._state: tuple[Any, ...] = ()
        self._worker: ThreadPoolExecutor | None = None
        self._answer: Future[tuple[Forecast, Forecast]] | None = None

    @property
    def busy(self) -> bool:
        """Whether another forecast is on its way."""
        return self._answer is not None

    @property
    def line(self) -> str:
        """One line for the main dock; empty without a score."""
        known = self._session.training.points
        if not known:
            return ""
        said = [known[-1].short]
        if self.time is not None:
            said.append(self.time.sentence)
        return ". ".join(said)

    def known(self) -> list[TrainingRecord]:
        """Trainings of the network of now, the one that runs included."""
        network = self._network
        found = {one.id: one for one in self.trainings if one.network == network}
        found |= {one.id: one for one in self._records()}
        return list(found.values())

    def _records(self) -> list[TrainingRecord]:
        training = self._session.training
        return records(training.points, training.run, self._network)

    @property
    def _network(self) -> str:
        """That of the training; before there is any, the one that is chosen."""
        return self._session.training.network or self._session.network

    def tick(self) -> None:
        """Take the answer that has come, and ask anew where something has changed."""
        if self._answer is not None:
            if not self._answer.done():
                return
            answer, self._answer = self._answer, None
            try:
                self.time, self.labels = answer.result()
            except Exception:
                log.exception("no forecast could be made")
                self.time = self.labels = None
            self.changed.emit()
        training = self._session.training
        state = (
            training.run,
            len(training.points),
            self._network,
            len(self.trainings),
            self.seconds,
            self.unit,
        )
        if state == self._state:  # looked at twenty times a second
            return
        self._state = state
        if not training.points and not len(self.trainings):
            self.time = self.labels = None
            self.changed.emit()
            return
        asked = Asked(tuple(training.points), tuple(self.known()), self.seconds, self.unit)
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="forecast")
        self._answer = self._worker.submit(_both, asked)

    def remember(self) -> None:
        """Keep what the training has reached. Says so when the disk refuses."""
        try:
            self.place()
            self.trainings.add(self._records())
        except UserError as error:
            self._session.tell("error", str(error))

    def place(self) -> None:
        """Follow the project to its folder. Raises UserError."""
        project = self._session.project.project
        if project is not None:
            self.trainings.move(project.folder / FILE)

    def load(self) -> None:
        """Those of the project that is open."""
        try:
            self.place()
        except UserError as error:
            self._session.tell("error", str(error))

    def close(self) -> None:
        """Keep everything; the thread ends by itself."""
        self.remember()
        if self._worker is not None:
            self._worker.shutdown(wait=False, cancel_futures=True)


def _both(asked: Asked) -> tuple[Forecast, Forecast]:
    time = forecast_time(asked.scores, asked.seconds)
    return time, forecast_labels(asked.trainings, asked.unit)


def score_of(event: Any) -> HeldOutScore:
    """The score that came with a TrainingProgress."""
    facts = event.validation_facts
    more = {} if facts is None else facts.model_dump()
    return HeldOutScore(event.step, event.seconds, event.validation_iou, **more)
