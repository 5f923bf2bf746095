"""Jobs: predictions, weight maps, reading and writing of models, one piece at a time."""

from __future__ import annotations

from collections.abc import Callable

from napari_unet.engine import jobs, verifying
from napari_unet.engine.exporting import export_model
from napari_unet.engine.first_answer import first_answer
from napari_unet.engine.protocol import (
    Attention,
    BoundaryWeights,
    Cancel,
    Command,
    DryRun,
    Event,
    ExportModel,
    FirstAnswer,
    JobFailed,
    LoadModel,
    Predict,
    PredictFiles,
    PruneModel,
    SaveModel,
    Verify,
)
from napari_unet.engine.pruning import prune_model
from napari_unet.engine.sentences import details, sentence
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace


class PredictionService:
    """Keeps a generator for each job; :meth:`advance` moves each of them on by one piece.

    A job takes its model when it begins: what is trained meanwhile does not change it.
    """

    def __init__(
        self, workspace: Workspace, training: TrainingService, emit: Callable[[Event], None]
    ) -> None:
        self._workspace, self._training, self._emit = workspace, training, emit
        self._jobs: dict[str, jobs.Job] = {}

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def handle(self, command: Command) -> None:
        match command:
            case Predict():
                self._jobs[command.job] = jobs.predict(command, self._workspace, self._training)
            case Verify():
                self._jobs[command.job] = verifying.verify(command, self._workspace, self._training)
            case PredictFiles():
                self._jobs[command.job] = jobs.predict_files(command, self._training)
            case BoundaryWeights():
                self._jobs[command.job] = jobs.boundary_weights(command, self._workspace)
            case FirstAnswer():
                self._jobs[command.job] = first_answer(command, self._workspace, self._training)
            case DryRun():
                self._jobs[command.job] = jobs.dry_run(command, self._workspace)
            case Attention():
                self._jobs[command.job] = jobs.attention(command, self._workspace, self._training)
            case SaveModel():
                self._jobs[command.job] = jobs.save_model(command, self._training)
            case LoadModel():
                self._jobs[command.job] = jobs.load_model(command, self._training)
            case PruneModel():
                self._jobs[command.job] = prune_model(command, self._workspace, self._training)
            case ExportModel():
                self._jobs[command.job] = export_model(command, self._training)
            case Cancel():
                job = self._jobs.pop(command.job, None)
                if job is not None:
                    job.close()
                    self._emit(JobFailed(job=command.job, message="Cancelled.", cancelled=True))

    def advance(self) -> None:
        """One piece of each job."""
        for name, job in list(self._jobs.items()):
            try:
                for event in next(job):
                    self._emit(event)
            except StopIteration:
                del self._jobs[name]
            except Exception as error:
                del self._jobs[name]
                self._emit(JobFailed(job=name, message=sentence(error), details=details(error)))
