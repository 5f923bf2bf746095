"""From labelled images to a trainer, and from a trainer to a model.

The command line, Python and the engine all come through here, so that the same seed, data and
number of steps give the same model.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from napari_unet.annotations.kinds import LabelKind
from napari_unet.annotations.objects import DROPPED_BELOW
from napari_unet.core.room import room_for
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.normalise import choose_normalisation
from napari_unet.model import file
from napari_unet.model.building import network_for
from napari_unet.model.header import (
    ClassDescription,
    Header,
    History,
    ImageRecord,
    NormalisationConstants,
    Provenance,
    ValidationPoint,
    default_classes,
)
from napari_unet.model.model import Model
from napari_unet.model.provenance import now, packages
from napari_unet.networks import registry
from napari_unet.prediction.object_sizes import SETTLED, KnownObjects
from napari_unet.start.general import general_weights
from napari_unet.training.data import LabelledImage, TrainingData, of_objects
from napari_unet.training.plane import HeldOut
from napari_unet.training.presets import Preset, preset
from napari_unet.training.trainer import Trainer
from napari_unet.training.volumes import fit_to_volume

KEPT_LOSSES = 500

Classes = int | Sequence[str | ClassDescription] | None
"""How many classes, or what they are called, background first; None = as many as are labelled."""


def make_trainer(
    images: Sequence[LabelledImage],
    *,
    network: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    preset_name: str = "live",
    settings: Mapping[str, Any] | None = None,
    classes: Classes = None,
    start: str | Path = "auto",
    seed: int = 0,
    validation: str = "auto",
    held_out: Sequence[LabelledImage] = (),
    device: str = "auto",
    precision: str = "auto",
    preparation: float = 0.0,
) -> Trainer:
    """A trainer on ``images``, ready to run.

    Parameters
    ----------
    network, arguments
        Name in the registry and its arguments, instead of those of the preset.
    settings
        Fields of the preset to replace.
    start
        ``general`` for the weights that come with the package, ``random``, ``auto`` for the former
        where they fit the network, or a model file whose network and weights to begin with. Its
        head is new where the classes differ; the normalisation is chosen anew from these images.
    validation
        ``auto`` holds out a part of the labels, ``none`` does not.
    held_out
        Images that are only for validation; nothing else is held out then.
    preparation
        Seconds already spent on the data, which count as training time.

    Raises
    ------
    UserError
        Labels or images that cannot be trained on, settings that do not fit, a network for which
        there is not the memory, a start model with other channels or dimensions.
    """
    clock = time.perf_counter()
    if validation not in ("auto", "none"):
        raise UserError(f"There is no validation {validation!r}; choose auto or none.")
    first = images[0].image
    overrides = dict(settings or {})
    if network is not None:
        overrides["network"] = network
    if arguments is not None:
        overrides["arguments"] = dict(arguments)
    names = describe_classes(classes)
    weights: dict[str, Tensor] | None = None
    if start not in ("auto", "general", "random"):
        header, weights = _start_from(Path(start), first, network)
        overrides |= {"network": header.network, "arguments": header.arguments}
    recipe = preset(preset_name, objects=of_objects(images), **overrides)
    noticed: list[str] = []
    if first.dims == 3:
        recipe, noticed = _for_volumes(recipe, overrides, [one.image for one in images])
    registry.check_arguments(recipe.network, recipe.arguments, first.dims)
    origin = str(start)
    if start in ("auto", "general"):
        general = _general(recipe, first, needed=start == "general")
        origin = "random" if general is None else "general"
    data = TrainingData(
        choose_normalisation(
            [one.image for one in images],
            mark_missing=registry.spec(recipe.network).takes_missing,
        ),
        recipe.w0,
        recipe.sigma,
        recipe.voxel,
    )
    data.notes += noticed
    for one in (*images, *held_out):
        _check_channels(first, one.image)
        data.add(one)
    n_classes = _count_classes(names, data)
    for one in held_out:
        for index in one.image.indices():
            plane = data.planes.get((one.image.name, index))
            if plane is not None:
                plane.hold_out(HeldOut(tuple((0, n) for n in plane.shape)))
    if weights is not None and (
        n_classes != len(header.classes)
        or (names is not None and [c.name for c in names] != [c.name for c in header.classes])
    ):
        old = ", ".join(c.name for c in header.classes)
        data.notes.append(
            f"{start} has {len(header.classes)} classes ({old}), this training {n_classes}: its "
            f"last layer starts anew."
        )
        weights = {name: value for name, value in weights.items() if not name.startswith("head")}
    if origin == "general":
        weights = general
    sizes: dict[str, Any] = {"dims": first.dims, "channels": first.channels, "classes": n_classes}
    with room_for(recipe, device=device, **sizes):
        trainer = Trainer(
            data,
            preset=recipe,
            **sizes,
            seed=seed,
            device=device,
            precision=precision,
            validation="given" if held_out else validation,
            start=weights,
            new_head=weights is not None and (origin == "general" or "head.weight" not in weights),
            preparation=preparation + time.perf_counter() - clock,
        )
    trainer.origin = origin
    return trainer


def resume(trainer: Trainer, state: dict[str, Any], name: str) -> None:
    """Let ``trainer`` go on where ``state`` (of the model file ``name``) was.

    :class:`UserError` where the state is damaged or belongs to another network.
    """
    try:
        trainer.load_state(state)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        raise UserError(f"{name}: the training state is damaged ({error}).") from error


def finish(
    trainer: Trainer,
    *,
    kind: LabelKind,
    images: Sequence[Image],
    classes: Sequence[ClassDescription] | None = None,
    hashes: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Model:
    """The model of this moment, independent of the trainer: it may go on.

    ``hashes``: SHA-256 by image name; ``classes`` may be fewer than the network has by now, the
    rest get default names.
    """
    known = list(classes or ())
    descriptions = (*known, *default_classes(max(2, trainer.classes))[len(known) :])
    recipe, first = trainer.preset, images[0]
    normalisation = trainer.data.normalisation
    objects = known_objects(trainer, kind)
    header = Header(
        network=recipe.network,
        arguments=registry.check_arguments(recipe.network, recipe.arguments, first.dims).model_dump(
            mode="json"
        ),
        dims=2 if first.dims == 2 else 3,
        in_channels=first.channels,
        classes=descriptions[: trainer.classes],
        label_kind=kind,
        axes=first.axes,
        spacing=first.spacing,
        normalisation=NormalisationConstants(
            method=normalisation.method, low=normalisation.low, high=normalisation.high
        ),
        preset=recipe.model_dump(mode="json"),
        min_object_size=objects.min_size,
        split_depth=objects.split_depth,
        largest_hole=objects.largest_hole,
        history=_history(trainer),
        provenance=Provenance(
            created=now(),
            images=tuple(
                ImageRecord(name=image.name, sha256=(hashes or {}).get(image.name))
                for image in images
            ),
            packages=packages(),
            device=str(trainer.device),
            precision=trainer.precision,
            seed=seed,
            start=trainer.origin,
        ),
    )
    return Model(header, copy.deepcopy(trainer.averaged()).to("cpu"))


def known_objects(trainer: Trainer, kind: LabelKind) -> KnownObjects:
    """What the labels say of the objects to be found; nothing where none are labelled."""
    if kind != "objects":
        return KnownObjects()
    data = trainer.data
    return KnownObjects(
        min_size=round(DROPPED_BELOW * data.median_object_size()),
        split_depth=data.split_depth(),
        largest_hole=data.largest_hole(),
        most=trainer.preset.enlarge if trainer.step >= SETTLED else 1.0,
    )


def describe_classes(classes: Classes) -> tuple[ClassDescription, ...] | None:
    """Names and colours of the classes, background first; None where they are to be counted."""
    if classes is None:
        return None
    if isinstance(classes, int):
        if classes < 2:
            raise UserError(f"A model needs at least 2 classes, background and another: {classes}.")
        return default_classes(classes)
    if len(classes) < 2:
        raise UserError("Name at least two classes, the background first.")
    described = []
    for one, spare in zip(classes, default_classes(len(classes)), strict=True):
        if isinstance(one, str):
            described.append(ClassDescription(name=one, color=spare.color))
        else:
            described.append(one)
    return tuple(described)


def _for_volumes(
    recipe: Preset, overrides: Mapping[str, Any], images: Sequence[Image]
) -> tuple[Preset, list[str]]:
    """The recipe for the voxels of these volumes, as far as nobody chose otherwise."""
    if "voxel" in overrides:  # resumed: it was decided then
        return recipe, []
    sizes = {tuple(round(s / min(i.spacing), 2) for s in i.spacing) for i in images if i.spacing}
    shape = [max(lengths) for lengths in zip(*(i.spatial_shape for i in images), strict=True)]
    spacing = images[0].spacing
    recipe, notes = fit_to_volume(recipe, spacing, shape, overrides.get("arguments"))
    if len(sizes) > 1:
        notes.append(
            f"The voxels of these volumes differ in their proportions: those of {images[0].name} "
            f"({' x '.join(f'{s:g}' for s in spacing or ())}) are taken for all."
        )
    return recipe, notes


def _general(recipe: Preset, image: Image, *, needed: bool) -> dict[str, Tensor] | None:
    weights = general_weights(
        recipe.network, recipe.arguments, dims=image.dims, channels=image.channels
    )
    if weights is None and needed:
        raise UserError(
            "The general start weights are for the network 'unet' as in the preset live (in 3D "
            "with any poolings, at most four): leave network and arguments as they are there, or "
            "start from random."
        )
    return weights


def _start_from(path: Path, image: Image, network: str | None) -> tuple[Header, dict[str, Tensor]]:
    header, weights, _ = file.load(path, training_state=False)
    network_for(header, weights, str(path))
    if network is not None and network != header.network:
        raise UserError(
            f"{path} holds the network {header.network!r}: leave the network out, or start from "
            f"another model."
        )
    if image.channels != header.in_channels:
        raise UserError(
            f"{path} was trained on images with {header.in_channels} channel(s), {image.name} has "
            f"{image.channels}: start from another model, or from random."
        )
    if image.dims != header.dims:
        raise UserError(
            f"{path} is a {header.dims}D model and cannot be the start of a {image.dims}D one."
        )
    return header, weights


def _check_channels(first: Image, image: Image) -> None:
    if image.channels != first.channels:
        raise UserError(
            f"{first.name} has {first.channels} channel(s) and {image.name} {image.channels}: "
            f"train on images with the same channels."
        )


def _count_classes(names: Sequence[ClassDescription] | None, data: TrainingData) -> int:
    labelled = data.classes()
    if names is None:
        return labelled
    if labelled > len(names):
        raise UserError(
            f"The labels hold {labelled} classes, but {len(names)} are named "
            f"({', '.join(c.name for c in names)}): name them all, background first."
        )
    return len(names)


def _history(trainer: Trainer) -> History:
    finite = [(i, x) for i, x in enumerate(trainer.losses, 1) if math.isfinite(x)]
    every = max(1, math.ceil(len(finite) / KEPT_LOSSES))
    return History(
        steps=trainer.step,
        seconds=trainer.seconds,
        losses=tuple(finite[::every]),
        validation=tuple(
            ValidationPoint(step=v.step, seconds=v.seconds, iou=v.iou) for v in trainer.validations
        ),
    )
