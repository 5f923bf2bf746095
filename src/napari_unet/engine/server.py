"""The engine's main loop: commands in, training steps and jobs in turn, events out.

Everything happens in one thread, so that no step sees half a command: between two training steps
the waiting commands are carried out and every job moves on by one tile. Nothing that a command
does can end the engine; what goes wrong becomes one sentence for the user and a traceback in the
log.
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue

from napari_unet.engine.channel import Outbox
from napari_unet.engine.idling import Idling
from napari_unet.engine.inspection_service import InspectionService
from napari_unet.engine.prediction_service import PredictionService
from napari_unet.engine.protocol import (
    Command,
    Event,
    JobFailed,
    NoticeGiven,
    Shutdown,
    StartTraining,
    TrainingFailed,
)
from napari_unet.engine.sentences import details, sentence
from napari_unet.engine.threads import Threads
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace


class Server:
    """Carries out the commands of one GUI until it is told to shut down."""

    def __init__(self, inbox: SimpleQueue[Command], outbox: Outbox) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._idling = Idling(inbox, tell=outbox.put)
        self._threads = Threads()
        self.workspace = Workspace()
        self.training = TrainingService(self.workspace, outbox.put)
        self.prediction = PredictionService(self.workspace, self.training, outbox.put)
        self.inspection = InspectionService(self.workspace, self.training, outbox.put)

    def run(self) -> None:
        """Return when a :class:`Shutdown` was carried out."""
        while True:
            for command in self._commands():
                if isinstance(command, Shutdown):
                    self.training.keep()
                    return
                self._carry_out(command)
            self._threads.adapt(fixed=self.training.repeatable)
            self.training.advance()
            self.prediction.advance()
            self.inspection.advance()

    def _commands(self) -> Iterator[Command]:
        """What is waiting; the next one, however long it takes, when there is nothing to do."""
        if not (self.training.busy or self.prediction.busy or self.inspection.busy):
            yield self._idling.next_command()
        while True:
            try:
                yield self._inbox.get_nowait()
            except Empty:
                return

    def _carry_out(self, command: Command) -> None:
        for service in (self.workspace, self.training, self.prediction, self.inspection):
            try:
                service.handle(command)
            except Exception as error:
                self._outbox.put(failure(command, error))
                return


def failure(command: Command, error: BaseException) -> Event:
    """The event that says a command could not be carried out."""
    message, trace = sentence(error), details(error)
    job = getattr(command, "job", None)
    if job is not None:
        return JobFailed(job=job, message=message, details=trace)
    if isinstance(command, StartTraining):
        return TrainingFailed(message=message, details=trace)
    image = getattr(command, "image", None) or getattr(command, "id", None)
    return NoticeGiven(message=message, image=image, level="warning")
