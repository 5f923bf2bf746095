"""What a tile saw: its input, target, weights, output and loss, and what the answer hangs on.

The effective receptive field is the gradient of the network's answer at one pixel with respect to
its input, in absolute value (Luo et al. 2016, "Understanding the effective receptive field in deep
convolutional neural networks"); the answer is the logit of the class that won less that of the
runner-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.engine.arrays import open_array
from napari_unet.engine.inspecting import InspectTile
from napari_unet.engine.jobs import Job
from napari_unet.engine.parcels import pack
from napari_unet.engine.protocol import JobFinished
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.truth import PlaneTruth, plane_truth
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Box
from napari_unet.images.tiling import Tile, read_mirrored
from napari_unet.networks.attention_unet import AttentionGate
from napari_unet.prediction.blending import window_side
from napari_unet.prediction.device import autocast
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.two_looks import TwoLooks
from napari_unet.training.presets import Preset, preset

Array = npt.NDArray[np.float32]


def inspect_tile(command: InspectTile, workspace: Workspace, source: TrainingService) -> Job:
    """One tile, with one backward pass; see :class:`InspectTile` for what is packed."""
    model = source.model()
    image = model.as_image(workspace.image(command.image))
    if len(image.spatial_shape) != 2:
        raise UserError("Only tiles of planes can be looked at, not those of volumes.")
    inside = zip(command.point, image.spatial_shape, strict=True)
    if not all(0 <= p < n for p, n in inside):
        raise UserError("That is outside the image: click on it.")
    predictor = model.predictor(source.device, source.precision)
    constants = model.normalisation(image)

    def read(part: Box) -> Array:
        return constants.apply(image.read(command.index, part))

    tile = tile_of(predictor, image.spatial_shape, command.tile, command.point)
    pixels = read_mirrored(read, tile.input, image.spatial_shape)
    place = tuple(p - a for p, (a, _) in zip(command.point, tile.output, strict=True))
    probability, effective, gates = look_through(predictor, pixels, tile, place)
    arrays = {"input": pixels, "effective": effective, "probability": probability} | gates
    yield ()
    truth = plane_truth(workspace, command.image, command.index, *recipe_of(source))
    arrays |= _compare(truth, probability, tile)
    geometry = predictor.geometry
    fields = [(p - r, p + r + 1) for p, r in zip(command.point, geometry.reach, strict=True)]
    contents = pack(open_array(command.parcel, writable=True), arrays)
    yield (
        JobFinished(
            job=command.job,
            result={
                "arrays": contents,
                "number": tile.number,
                "input": [list(span) for span in tile.input],
                "output": [list(span) for span in tile.output],
                "receptive_field": [list(span) for span in fields],
                "blended": not geometry.tile_exact,
                "classes": model.class_names,
            },
        ),
    )


def tile_of(
    predictor: Predictor, shape: tuple[int, ...], size: int, point: tuple[int, ...]
) -> Tile:
    """The tile that predicts ``point``; for networks that blend windows, one of those around it."""
    geometry = predictor.geometry
    if geometry.tile_exact:
        for tile in predictor.plan(shape, size):
            if all(a <= p < b for p, (a, b) in zip(point, tile.output, strict=True)):
                return tile
        raise UserError("No tile predicts this pixel.")
    output, given = [], []
    for p, side, n, m in zip(
        point, window_side(shape, geometry), shape, geometry.border, strict=True
    ):
        start = int(np.clip(p - side // 2, 0, max(0, n - side)))
        output.append((start, min(n, start + side)))
        given.append((start - m, start + side + m))
    crop = tuple((0, b - a) for a, b in output)
    return Tile(number=0, output=tuple(output), input=tuple(given), crop=crop)


def look_through(
    predictor: Predictor, pixels: Array, tile: Tile, place: tuple[int, ...]
) -> tuple[Array, Array, dict[str, Array]]:
    """Probability (class, *output), gradient (*input), 0..1, and attention gates (*input).

    ``place``: the pixel of the output that the gradient is for.
    """
    x = torch.from_numpy(np.ascontiguousarray(pixels))[None].to(predictor.device)
    x.requires_grad_(True)
    seen: list[Tensor] = []
    hooks = [
        module.register_forward_hook(_keep(seen))
        for module in predictor.network.modules()
        if isinstance(module, AttentionGate)
    ]
    try:
        with torch.enable_grad(), autocast(predictor.device, predictor.precision):
            logits = predictor.network(x)
        logits = logits.float()[(..., *(slice(*span) for span in tile.crop))]
        at = logits[(0, slice(None), *place)]
        best = at.topk(2).values
        (gradient,) = torch.autograd.grad(best[0] - best[1], x)
    finally:
        for hook in hooks:
            hook.remove()
    # Of two looks the first, which sees less of what surrounds the tile.
    around = predictor.network.unseen if isinstance(predictor.network, TwoLooks) else (0, 0)
    size = [n - 2 * a for n, a in zip(x.shape[2:], around, strict=True)]
    gates = {}
    for n, alpha in enumerate(seen[: len(hooks)]):
        gate = F.interpolate(alpha.float(), size=size, mode="nearest")[0, 0].cpu().numpy()
        gates[f"gate_{n}"] = np.pad(gate, [(a, a) for a in around])
    effective = gradient[0].abs().sum(0)
    effective = effective / effective.max().clamp_min(1e-12)
    probability = torch.softmax(logits, 1)[0].detach().cpu().numpy()
    return probability, effective.cpu().numpy(), gates


def _keep(seen: list[Tensor]) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, given: Any, result: Any) -> None:
        seen.append(result[1].detach())

    return hook


def recipe_of(source: TrainingService) -> tuple[Preset, npt.NDArray[np.float32] | None]:
    """w0, sigma and class weights of the training at hand, else what the model file says."""
    run = source.run
    if run is not None:
        trainer = run.trainer
        return trainer.preset, trainer.data.balance(trainer.classes, trainer.preset.balance)
    fields: dict[str, Any] = dict(source.model().header.preset)
    return preset(str(fields.pop("name", "live")), **fields), None


def _compare(truth: PlaneTruth | None, probability: Array, tile: Tile) -> dict[str, Array]:
    if truth is None:
        return {}
    inside = tuple(slice(*span) for span in tile.output)
    target, weights = truth.classes[inside], truth.weights[inside]
    known = (target != UNLABELLED) & (target < len(probability))
    loss = cross_entropy(probability, np.where(known, target, 0)) * known * weights
    return {
        "target": np.where(known, target, UNLABELLED).astype(np.uint8),
        "weights": weights,
        "loss": loss.astype(np.float32),
    }


def cross_entropy(probability: Array, classes: npt.NDArray[Any]) -> Array:
    """-ln of the probability (class, *size) of the class at each pixel, at most 16."""
    given = np.take_along_axis(probability, classes[None].astype(np.intp), 0)[0]
    return np.asarray(-np.log(np.maximum(given, 1e-7)), np.float32)
