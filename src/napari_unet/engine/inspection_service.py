"""What the inspectors ask for: jobs beside those of the prediction, and the history of models."""

from __future__ import annotations

from collections.abc import Callable

from napari_unet.engine import feeding
from napari_unet.engine.history import History
from napari_unet.engine.inspecting import (
    DrawPieces,
    FindSafeStrength,
    FindSuspects,
    InspectTile,
    KeepHistory,
    PredictThen,
    Recipe,
)
from napari_unet.engine.jobs import Job
from napari_unet.engine.prediction_service import PredictionService
from napari_unet.engine.protocol import (
    Cancel,
    CloseImage,
    Command,
    Event,
    LabelsChanged,
    OpenImage,
    RemoveLabels,
    SetLabels,
)
from napari_unet.engine.suspects import find_suspects
from napari_unet.engine.tile_inspection import inspect_tile
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace

_OTHER_LABELS = (OpenImage, CloseImage, SetLabels, LabelsChanged, RemoveLabels)


class InspectionService(PredictionService):
    """Keeps its own jobs and moves each of them on by one piece, like its base."""

    def __init__(
        self, workspace: Workspace, training: TrainingService, emit: Callable[[Event], None]
    ) -> None:
        super().__init__(workspace, training, emit)
        self._fed: tuple[Recipe, feeding.Feed] | None = None
        self.history = History(training, emit)

    @property
    def busy(self) -> bool:
        return super().busy or self.history.busy

    def advance(self) -> None:
        """One piece of each job, and the history."""
        super().advance()
        self.history.advance()

    def handle(self, command: Command) -> None:
        if isinstance(command, _OTHER_LABELS):
            self._fed = None
        match command:
            case Cancel():
                super().handle(command)
            case DrawPieces():
                self._jobs[command.job] = self._draw(command)
            case FindSafeStrength():
                self._jobs[command.job] = self._find_strength(command)
            case InspectTile():
                self._jobs[command.job] = inspect_tile(command, self._workspace, self._training)
            case FindSuspects():
                self._jobs[command.job] = find_suspects(command, self._workspace, self._training)
            case KeepHistory():
                self.history.keep(command)
            case PredictThen():
                self._jobs[command.job] = self.history.predict_then(command, self._workspace)

    def _draw(self, command: DrawPieces) -> Job:
        fed = self._feed(command.recipe)
        yield from feeding.draw_pieces(command, fed, self._workspace)

    def _find_strength(self, command: FindSafeStrength) -> Job:
        yield from feeding.find_safe_strength(command, self._feed(command.recipe))

    def _feed(self, recipe: Recipe) -> feeding.Feed:
        """Made once for all that is tried with the same labels, for weight maps take a while."""
        if self._training.run is not None:
            return feeding.feed(self._training, self._workspace, recipe)
        if self._fed is None or self._fed[0] != recipe:
            self._fed = recipe, feeding.feed(self._training, self._workspace, recipe)
        return self._fed[1]
