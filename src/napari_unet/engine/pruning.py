"""The job that makes the newest model smaller, one training step at a time."""

from __future__ import annotations

from napari_unet.engine.jobs import Job
from napari_unet.engine.protocol import JobFinished, JobProgress, PruneModel
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.pruning.criteria import check_method
from napari_unet.pruning.curve import Point, parse_share, sentence
from napari_unet.pruning.prepare import targets, training_data
from napari_unet.pruning.pruner import Pruner
from napari_unet.pruning.tracing import check_prunable
from napari_unet.training.events import Progress
from napari_unet.training.validation import apply_hold_out, plan_hold_out


def prune_model(command: PruneModel, workspace: Workspace, source: TrainingService) -> Job:
    """Prune a copy of the newest model on what is labelled, and write it to a file."""
    model = source.model()
    check_prunable(model.header.network)
    labelled = workspace.labelled()
    if not labelled:
        raise UserError(
            "Nothing is labelled: a smaller model needs labels to recover with, best those that "
            "the model was trained on."
        )
    data = training_data(model, labelled)
    plan = source.held_out() or plan_hold_out(data, model.header.provenance.seed or 0)
    apply_hold_out(data, plan)
    pruner = Pruner(
        model,
        data,
        targets=targets(model, parse_share(command.to), command.rounds),
        method=check_method(command.method),
        budget=command.budget,
        device=source.device,
        precision=source.precision,
    )
    points: list[Point] = []
    done = 0.0
    for event in pruner.events():
        if isinstance(event, Point):
            points.append(event)
        spent = event.seconds if isinstance(event, Progress) else 0.0
        done = max(done, (len(points) - 1) * command.budget + min(spent, command.budget))
        text = f"{points[-1].parameters:,} parameters" if points else ""
        yield (
            JobProgress(
                job=command.job,
                done=round(done),
                total=round(command.rounds * command.budget),
                text=text,
            ),
        )
    pruner.model.save(command.path)
    result = {
        "path": command.path,
        "curve": [point.as_json() for point in points],
        "text": f"{command.path}: {sentence(points)} Load it to use it.",
    }
    yield (JobFinished(job=command.job, result=result),)
