"""Predicting a model's files as fast as this machine can, as long as its classes stay the same."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_unet.errors import UserError
from napari_unet.images.image import Box, Image, Index
from napari_unet.images.tiling import read_mirrored
from napari_unet.model.model import Model
from napari_unet.prediction.device import choose_device, is_out_of_memory
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.way import default_way
from napari_unet.speed import memory
from napari_unet.speed.choosing import remember, tried
from napari_unet.speed.race import Patience, finish
from napari_unet.speed.trials import distance, near, try_prediction

log = logging.getLogger(__name__)

SECONDS = 1.5
"""That measuring may take, once for a network on a machine: a person waits."""
SIDES = {2: 256, 3: 48}
"""Of the piece that is looked at."""


def settle(model: Model, image: Image, predictor: Predictor, device: str) -> Predictor:
    """The predictor to use in place of ``predictor``, whose precision nobody chose.

    Where nothing was measured for the model's network yet, that takes about a second, once. Then a
    piece of ``image`` is predicted as fast as possible and in float32: where the two differ by more
    than docs/speed.md allows, float32 it is, and ``notes`` says so.
    """
    if memory.switched_off():
        return predictor
    header = model.header
    where: dict[str, Any] = {"dims": header.dims, "device": choose_device(device)}
    try:
        return _settle(model, image, predictor, device, where)
    except UserError:
        return predictor  # the prediction itself will say what is wrong with the image
    except Exception as error:  # measuring is a convenience: the prediction must not end with it
        log.warning("it is not known what is fastest here", exc_info=True)
        known = tried("prediction", header.network, header.arguments, **where)
        if not is_out_of_memory(error) and not known:
            remember("prediction", header.network, header.arguments, **where, way=None, measured={})
        return predictor


def _settle(
    model: Model, image: Image, predictor: Predictor, device: str, where: dict[str, Any]
) -> Predictor:
    header, chosen = model.header, where["device"]
    # One look: what is fastest is the same for both, and a piece need not be so large.
    single = model.one_look()
    piece = sample(single, image)
    if not tried("prediction", header.network, header.arguments, **where):
        choice = finish(
            try_prediction(model.network, torch.from_numpy(piece)[None], chosen, Patience(SECONDS))
        )
        # Where this model's weights do not bear the rule, others may: it stays, for them all.
        usual = default_way(chosen, dims=header.dims, training=False)
        kept = choice if choice is not None and choice.allowed(usual) else None
        remember(
            "prediction",
            header.network,
            header.arguments,
            **where,
            way=kept.way if kept else None,
            measured=choice.measured if choice else {},
        )
        if kept is not None:
            return model.predictor(device)
    if predictor.precision == "float32":
        return predictor
    exact = single.predictor(device, "float32").tile_probability(piece)
    fast = model.predictor(device)
    try:
        found = single.predictor(device).tile_probability(piece)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        log.warning("%s does not work here", fast.way, exc_info=True)
        slow = model.predictor(device, "float32")
        slow.notes.append(f"{fast.precision} does not work here: float32 is used.")
        return slow
    apart = distance(torch.from_numpy(found)[None], torch.from_numpy(exact)[None])
    if near(*apart):
        return fast
    slow = model.predictor(device, "float32")
    slow.notes.append(
        f"In {fast.precision} the classes of {apart[1]:.2%} of the pixels would change: float32 is "
        f"used. It is slower: asked for by name, the precision {fast.precision} is kept."
    )
    return slow


def sample(model: Model, image: Image) -> npt.NDArray[np.float32]:
    """A piece (C, *spatial), normalised, of a size that fits the network.

    Of blocks all over the image, of its first, middle and last plane, it is the one whose values
    vary most: in an empty one nothing could change.
    """
    geometry, shape = model.geometry, image.spatial_shape
    side = SIDES[image.dims]
    wanted = geometry.window or geometry.output_size(tuple(min(side, n) for n in shape))
    size = geometry.input_size(wanted)
    constants, indices = model.normalisation(image), list(image.indices())
    some = [indices[k] for k in sorted({0, len(indices) // 2, len(indices) - 1})]

    def blocks() -> Iterator[npt.NDArray[np.float32]]:
        for index in some:

            def read(part: Box, index: Index = index) -> npt.NDArray[np.float32]:
                return constants.apply(image.read(index, part))

            for corner in product(*map(_starts, shape, size)):
                box: Box = tuple((a, a + s) for a, s in zip(corner, size, strict=True))
                yield read_mirrored(read, box, shape)

    return max(blocks(), key=_contrast)


def _starts(length: int, size: int) -> list[int]:
    """Of up to three blocks along an axis; in the middle where it is no longer than one."""
    left = length - size
    return [left // 2] if left <= 0 else sorted({0, left // 2, left})


def _contrast(piece: npt.NDArray[np.float32]) -> float:
    """Variance, summed over the channels; least of all where it is not a number."""
    variance = float(piece.var(axis=tuple(range(1, piece.ndim)), dtype=np.float64).sum())
    return variance if math.isfinite(variance) else -1.0
