"""From a model and labelled images to a pruner: the command line's and Python's way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_unet.core.run import validation_images
from napari_unet.core.seconds import parse_seconds
from napari_unet.core.sources import Sources, open_labelled
from napari_unet.errors import UserError
from napari_unet.model.model import Model
from napari_unet.pruning.criteria import check_method
from napari_unet.pruning.curve import geometric, parse_share
from napari_unet.pruning.pruner import Pruner
from napari_unet.pruning.tracing import check_prunable, widths_of, wiring_of
from napari_unet.training.data import LabelledImage, TrainingData
from napari_unet.training.plane import HeldOut
from napari_unet.training.presets import Preset
from napari_unet.training.schedule import check_seed
from napari_unet.training.validation import apply_hold_out, plan_hold_out

DEFAULT_BUDGET = 20.0
"""Seconds of training in a round when neither budget nor steps are given."""
ROUNDS = 4


def prepare(
    model: Model,
    images: Sources,
    labels: Sources,
    *,
    to: str = "10%",
    method: str = "stamp",
    rounds: int = ROUNDS,
    budget: str | float | None = None,
    steps: int | None = None,
    regions: Sources | None = None,
    validation: str | Path = "auto",
    axes: str | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> Pruner:
    """A pruner of ``model``, ready to run.

    Parameters
    ----------
    images, labels, regions
        What to recover with, best what the model was trained on; as of ``napari_unet.train``.
    to
        Part of the parameters that stays, e.g. ``10%``.
    method
        ``stamp``, ``random`` or ``largest``; see ``pruning.criteria``.
    rounds
        In how many it gets there; each leaves the same part of what the one before left.
    budget, steps
        Seconds or number of steps of training in each round; with neither, 20 seconds.
    validation
        ``auto`` scores what training holds out of these images, ``none`` nothing, a folder with
        ``images`` and ``labels`` those.

    Raises
    ------
    UserError
        Input that cannot be used, or a network that cannot be pruned so far.
    """
    header = model.header
    check_prunable(header.network)
    chosen, share = check_method(method), parse_share(to)
    if rounds < 1:
        raise UserError(f"{rounds} rounds are none: give a number from 1.")
    if budget is not None and steps is not None:
        raise UserError("Give either a budget or a number of steps, not both.")
    if steps is not None and steps < 1:
        raise UserError(f"{steps} steps are none: give a number from 1.")
    check_seed(seed)
    seconds = None if steps is not None else parse_seconds(budget or DEFAULT_BUDGET)
    labelled = open_labelled(
        images, labels, kind=header.label_kind, regions=regions, axes=axes, dims=header.dims
    )
    held_out: tuple[LabelledImage, ...] = ()
    if str(validation) not in ("auto", "none"):
        held_out = validation_images(Path(validation), labelled.kind, axes, header.dims)
    data = training_data(model, labelled.images, held_out)
    if validation == "auto":
        # The same seed as in the training of the model: the same parts are held out.
        apply_hold_out(data, plan_hold_out(data, header.provenance.seed or 0))
    return Pruner(
        model,
        data,
        targets=targets(model, share, rounds),
        method=chosen,
        steps=steps,
        budget=seconds,
        seed=seed,
        device=device,
        precision=precision,
    )


def targets(model: Model, share: float, rounds: int) -> list[int]:
    """Parameters after each round on the way to ``share`` of those that ``model`` has."""
    wiring = wiring_of(model.network)
    parameters = wiring.parameters(widths_of(model.network, wiring))
    return geometric(parameters, math.floor(share * parameters + 1e-9), rounds)


def training_data(
    model: Model,
    images: Sequence[LabelledImage],
    held_out: tuple[LabelledImage, ...] = (),
) -> TrainingData:
    """The images as ``model`` sees them, those of ``held_out`` only for scoring.

    :class:`UserError` where they do not fit the model.
    """
    weights: dict[str, Any] = {
        name: model.header.preset[name]
        for name in ("w0", "sigma", "voxel")
        if name in model.header.preset
    }
    recipe = Preset(**weights)
    data = TrainingData(model.header.rule(), recipe.w0, recipe.sigma, recipe.voxel)
    for one in (*images, *held_out):
        model.as_image(one.image)
        data.add(one)
    for one in held_out:
        for index in one.image.indices():
            plane = data.planes.get((one.image.name, index))
            if plane is not None:
                plane.hold_out(HeldOut(tuple((0, n) for n in plane.shape)))
    data.check()
    return data
