"""Advice on images and labels: look, try, choose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_unet.advice.advised import Advised
from napari_unet.advice.choosing import Evidence, candidates, misses, plainly, rank
from napari_unet.advice.features import features_of
from napari_unet.advice.limits import Limits
from napari_unet.advice.trial import Candidate, Trial, try_out
from napari_unet.comparison.words import FEW_STEPS
from napari_unet.core.sources import Sources, open_labelled
from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.prediction.device import choose_device, choose_precision, device_name
from napari_unet.project.files import read_json


def advise(
    images: Sources,
    labels: Sources,
    *,
    limits: Limits | None = None,
    comparison: str | Path | None = None,
    kind: str | None = None,
    regions: Sources | None = None,
    axes: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    on_trial: Callable[[int, int, Candidate], object] | None = None,
    trying: Callable[[Candidate], Trial] = try_out,
) -> Advised:
    """Look at 2D images and labels, try some networks on this machine, and rank them.

    Parameters
    ----------
    regions
        Masks: non-zero = fully annotated; 0 in the labels is not labelled elsewhere.
    limits
        Memory and seconds for an image that must not be exceeded.
    comparison
        Folder of a finished ``napari-unet compare`` on such images: its verdicts are evidence.
    on_trial
        Called before each trial with its number, how many there are, and what is tried.
    trying
        What makes a trial; for tests.

    Raises
    ------
    UserError
        Input that cannot be used.
    """
    on = choose_device(device)
    choose_precision(precision, on)
    evidence, notes = evidence_of(Path(comparison)) if comparison is not None else ({}, [])
    opened = open_labelled(images, labels, kind=kind, regions=regions, axes=axes)
    features = features_of(opened.images)
    limits = limits or Limits()
    wanted = candidates(features, on.type, evidence, given=device, precision=precision)
    trials: list[Trial] = []
    for number, one in enumerate(wanted, 1):
        if on_trial is not None:
            on_trial(number, len(wanted), one)
        trials.append(_within_memory(one, limits, trying))
    choices = rank(trials, features, limits, on.type, evidence)
    return Advised(
        features,
        limits,
        tuple(choices),
        plainly(choices[0], evidence),
        device_name(on),
        (*opened.notes, *notes),
    )


def evidence_of(folder: Path) -> tuple[Evidence, list[str]]:
    """Verdicts by network of a comparison, and what is to be said of them.

    One whose networks had hardly begun to learn is no evidence. :class:`UserError` where there is
    no comparison.
    """
    path = folder / "results.json"
    if not path.exists():
        raise UserError(f"{folder} holds no finished comparison (results.json is missing).")
    try:
        rows = read_json(path)["networks"]
        found = {str(row["network"]): row["verdict"] for row in rows}
        steps = min((float(row["steps"]) for row in rows if row["steps"] is not None), default=0)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: it is no result of a comparison.") from error
    if steps < FEW_STEPS:
        return {}, [
            f"The comparison in {folder} does not count: a network made only {steps:g} steps in it."
        ]
    kept = ("better", "worse", "none")
    known = [name for name in registry.names() if 2 in registry.spec(name).dims]
    left_out = sorted(n for n, verdict in found.items() if verdict in kept and n not in known)
    notes = [
        f"The comparison in {folder} also holds {', '.join(left_out)}: left out, for it is not "
        f"installed or works on volumes only."
    ]
    usable = {name: verdict for name, verdict in found.items() if verdict in kept and name in known}
    return usable, notes if left_out else []


def _within_memory(
    candidate: Candidate, limits: Limits, trying: Callable[[Candidate], Trial]
) -> Trial:
    """A trial; where only memory is in the way, another with a single tile a step."""
    trial = trying(candidate)
    if candidate.batch == 1 or "memory" not in misses(trial, limits).lower():
        return trial
    smaller = trying(candidate.model_copy(update={"batch": 1}))
    return trial if misses(smaller, limits) else smaller
