"""A whole comparison: what it is of, which runs are still to be done, and its report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_unet.comparison import one_run
from napari_unet.comparison.events import Event, Planned, Ran, Reported, Training
from napari_unet.comparison.folds import by_image
from napari_unet.comparison.one_run import Task
from napari_unet.comparison.records import RunResult, Settings
from napari_unet.comparison.report import write_report
from napari_unet.comparison.scoring import metrics_of, truth_of
from napari_unet.comparison.store import Store, lock
from napari_unet.core.seconds import parse_seconds
from napari_unet.core.sources import Labelled, Sources, open_labelled
from napari_unet.errors import UserError
from napari_unet.model.provenance import image_hash
from napari_unet.networks import registry
from napari_unet.prediction.device import choose_device
from napari_unet.prediction.way import default_way
from napari_unet.start.general import general_weights
from napari_unet.training.data import LabelledImage, are_masks
from napari_unet.training.presets import preset as recipe_of
from napari_unet.training.schedule import check_seed

REFERENCE = "unet"
"""What the others are tested against."""
DEFAULT_BUDGET = 60.0


@dataclass(frozen=True)
class _Plan:
    """Checked input: which network with which arguments learns on what."""

    settings: Settings
    arguments: dict[str, dict[str, Any]]
    images: dict[str, LabelledImage]
    folds: list[tuple[str, ...]]
    transfer: tuple[LabelledImage, ...]
    masks: bool
    notes: tuple[str, ...]

    def task(self, network: str, fold: int) -> Task:
        """``fold`` counts from 1."""
        tested = self.folds[fold - 1]
        return Task(
            network,
            self.arguments[network],
            fold,
            [one for name, one in self.images.items() if name not in tested],
            [self.images[name] for name in tested],
            self.transfer,
            self.masks,
        )


def compare(
    images: Sources,
    labels: Sources,
    out: str | Path,
    *,
    networks: Sequence[str] | Literal["all"],
    budget: str | float | None = None,
    steps: int | None = None,
    folds: int = 3,
    transfer: tuple[Sources, Sources] | None = None,
    kind: str | None = None,
    regions: Sources | None = None,
    preset: str = "live",
    start: str = "random",
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    axes: str | None = None,
    dims: int = 2,
    metric: str | None = None,
) -> Iterator[Event]:
    """Train every network alike, test it on images it never saw, and write a report to ``out``.

    Following U-Bench (F. Tang et al., arXiv 2510.07041), on the user's images. Runs go fold by
    fold, so that a busy hour hits all networks alike. Every finished run is a file in ``out``;
    called again with the same settings, it goes on with those that are missing. Networks may be
    added then.

    Parameters
    ----------
    networks
        Names in the registry, or all that work in ``dims``. The plain U-Net is always among them:
        the others are tested against it.
    budget, steps
        Seconds of training a run (default 60), or the number of steps instead.
    folds
        Each image is tested once, by networks that were trained on the other folds.
    transfer
        Images and labels of another data set: predicted without any training on them (zero-shot).
    regions
        Masks: non-zero = fully annotated; 0 in the labels is not labelled elsewhere.
    start
        ``random`` for all, or ``general``: the plain U-Net alone then starts from the weights that
        come with the package, and the report says so.
    metric
        What is compared (see `metrics_of`); may be changed afterwards without training anew.

    Raises
    ------
    UserError
        Anything that can be found out before the first training, and another process that writes
        to ``out``; a run that fails is a result.
    """
    plan = _plan(
        images,
        labels,
        networks=networks,
        budget=budget,
        steps=steps,
        folds=folds,
        transfer=transfer,
        kind=kind,
        regions=regions,
        preset=preset,
        start=start,
        seed=seed,
        device=device,
        precision=precision,
        axes=axes,
        dims=dims,
    )
    chosen = _metric(metric, plan.settings)
    with lock(Path(out)):
        yield from _runs(plan, Store(Path(out), plan.settings), chosen)


def _runs(plan: _Plan, store: Store, metric: str) -> Iterator[Event]:
    """All that are not finished yet, and the report."""
    settings = plan.settings
    runs = [(name, fold) for fold in range(1, settings.folds + 1) for name in plan.arguments]
    results = {run: store.finished(*run, plan.arguments[run[0]]) for run in runs}
    left = [run for run in runs if results[run] is None]
    yield Planned(
        tuple(plan.arguments),
        len(plan.images),
        len(runs),
        len(runs) - len(left),
        None if settings.budget is None else settings.budget * len(left),
        plan.notes,
    )
    if left:
        one_run.warm_up(plan.task(REFERENCE, 1), settings)
    for position, (name, fold) in enumerate(left, 1):
        number = len(runs) - len(left) + position
        for event in one_run.run(plan.task(name, fold), settings):
            if isinstance(event, RunResult):
                store.write(event)
                results[name, fold] = event
                yield Ran(event, number, len(runs))
            else:
                yield Training(name, fold, number, len(runs), event.step, event.seconds, event.loss)
    done = [result for result in results.values() if result is not None]
    report = write_report(store.folder, settings, done, list(plan.arguments), metric)
    yield Reported(report, tuple(result for result in done if result.failed))


def _plan(
    images: Sources,
    labels: Sources,
    *,
    networks: Sequence[str] | Literal["all"],
    budget: str | float | None,
    steps: int | None,
    folds: int,
    transfer: tuple[Sources, Sources] | None,
    kind: str | None,
    regions: Sources | None,
    preset: str,
    start: str,
    seed: int,
    device: str,
    precision: str,
    axes: str | None,
    dims: int,
) -> _Plan:
    if budget is not None and steps is not None:
        raise UserError("Give either a budget or a number of steps, not both.")
    if steps is not None and steps < 1:
        raise UserError(f"{steps} steps are none: give a number from 1.")
    if start != "random" and start != "general":
        raise UserError(f"A comparison starts from random or general weights, not from {start!r}.")
    if dims not in (2, 3):
        raise UserError(f"Networks work in 2 or 3 dimensions, not {dims}.")
    check_seed(seed)
    seconds = None if budget is None else parse_seconds(budget)
    if seconds is None and steps is None:
        seconds = DEFAULT_BUDGET
    on = choose_device(device)
    arguments, notes = _arguments(networks, preset, dims)
    opened = open_labelled(images, labels, kind=kind, regions=regions, axes=axes, dims=dims)
    first = opened.images[0].image
    if start == "general" and (
        general_weights(REFERENCE, arguments[REFERENCE], dims=dims, channels=first.channels) is None
    ):
        raise UserError(
            "The general start weights do not fit this preset: leave out --start general."
        )
    by_name = {one.image.name: one for one in opened.images}
    parts = by_image(list(by_name), folds)
    classes, prints = _survey(opened)
    other, other_prints = _transfer(transfer, opened, classes, axes, dims)
    settings = Settings(
        images=prints,
        transfer=other_prints,
        kind=opened.kind,
        classes=classes,
        channels=first.channels,
        dims=dims,
        folds=folds,
        budget=seconds,
        steps=steps,
        # One look at the image as it is: the networks are compared, and not all can do more.
        recipe=recipe_of(preset, second_look=0.0, enlarge=1.0).model_dump(
            mode="json", exclude={"network", "arguments"}
        ),
        start="general" if start == "general" else "random",
        seed=seed,
        device=on.type,
        # As each network is trained, and as train does it: volumes in float32 on the processor.
        precision=default_way(on, dims=dims, training=True, precision=precision).precision,
    )
    masks = are_masks(opened.images)
    return _Plan(settings, arguments, by_name, parts, other, masks, (*opened.notes, *notes))


def _arguments(
    networks: Sequence[str] | Literal["all"], preset: str, dims: int
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """All arguments by network, the reference first; a mistake shows before anything is read."""
    if networks == "all":
        wanted = [name for name in registry.names() if dims in registry.spec(name).dims]
    else:
        wanted = list(dict.fromkeys(name.strip() for name in networks if name.strip()))
        if not wanted:
            raise UserError("Name at least one network to compare, or all.")
    notes = []
    if REFERENCE not in wanted:
        notes.append(f"{REFERENCE} takes part too: the others are tested against it.")
    ordered = [REFERENCE, *(name for name in wanted if name != REFERENCE)]
    return {
        name: registry.check_arguments(
            name, recipe_of(preset, network=name).arguments, dims
        ).model_dump(mode="json")
        for name in ordered
    }, notes


def _survey(labelled: Labelled) -> tuple[int, dict[str, str]]:
    """Number of classes, and a fingerprint of each image and its labels.

    Raises
    ------
    UserError
        Labels that cannot be used, other channels, or an image that is there twice.
    """
    first = labelled.images[0].image
    highest = 1
    masks = are_masks(labelled.images)
    prints: dict[str, str] = {}
    seen: dict[str, str] = {}
    for one in labelled.images:
        image = one.image
        if image.channels != first.channels:
            raise UserError(
                f"{first.name} has {first.channels} channel(s) and {image.name} {image.channels}: "
                f"compare on images with the same channels."
            )
        pixels = image_hash(image)
        if pixels in seen:
            raise UserError(
                f"{seen[pixels]} and {image.name} are the same image, which would be trained on "
                f"and tested: remove one of them."
            )
        seen[pixels] = image.name
        if one.kind != "objects":
            highest = max(highest, int(truth_of(one, masks)[0].max(initial=0)))
        else:
            truth_of(one)
        together = f"{pixels} {image_hash(one.labels)}"
        if one.regions is not None:
            together += f" {image_hash(one.regions)}"
        prints[image.name] = hashlib.sha256(together.encode()).hexdigest()
    return highest + 1, prints


def _transfer(
    sources: tuple[Sources, Sources] | None,
    own: Labelled,
    classes: int,
    axes: str | None,
    dims: int,
) -> tuple[tuple[LabelledImage, ...], dict[str, str]]:
    if sources is None:
        return (), {}
    other = open_labelled(*sources, kind=own.kind, axes=axes, dims=dims)
    channels = own.images[0].image.channels
    found = other.images[0].image.channels
    if found != channels:
        raise UserError(
            f"The images of --transfer have {found} channel(s), those to train on {channels}: a "
            f"network cannot be carried over."
        )
    number, prints = _survey(other)
    if number > classes:
        raise UserError(
            f"The labels of --transfer have {number} classes, those to train on {classes}: the "
            f"classes must be the same."
        )
    known = {image_hash(one.image): one.image.name for one in own.images}
    for one in other.images:
        if (twin := known.get(image_hash(one.image))) is not None:
            raise UserError(
                f"{one.image.name} of --transfer is also trained on (as {twin}): zero-shot needs "
                f"images that no network has seen."
            )
    return other.images, prints


def _metric(wanted: str | None, settings: Settings) -> str:
    known = metrics_of(settings.kind, settings.classes)
    if wanted is None:
        return known[0]
    if wanted not in known:
        raise UserError(
            f"The metric {wanted!r} is not computed for these labels; choose one of "
            f"{', '.join(known)}."
        )
    return wanted
