"""A first answer before any step: the last layer fitted to the labels there are.

Start weights bring features that separate much already, but their last layer knows other classes,
and their batch statistics other images. With the rest of the network held still, the best last
layer is a multinomial logistic regression on the features of the labelled pixels: convex, a few
dozen parameters, solved in a moment. Training then goes on from there, instead of first undoing
what the old last layer says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn.functional import one_hot

from napari_unet.prediction.device import autocast
from napari_unet.training.averaging import fresh_statistics
from napari_unet.training.data import TrainingData
from napari_unet.training.presets import Preset
from napari_unet.training.sampler import Batch

BATCHES = 2
MOST_PIXELS = 5_000
RARE_PIXELS = 100
"""Of a class that would have none among these."""
PENALTY = 3e-2
"""Of moving away from the start weights' own last layer: it may be right already, and with few
strokes there is much to learn by heart."""
_AS_THEY_ARE = {
    "elastic_sd": 0.0,
    "turned": 0.0,
    "scale": 0.0,
    "mirror": False,
    "contrast": 0.0,
    "brightness": 0.0,
    "gamma": 0.0,
    "shading": 0.0,
    "sharpness": 0.0,
    "noise": 0.0,
    "ramp": 0,
}


def undeformed(recipe: Preset) -> Preset:
    """The recipe for pieces of the images as they are."""
    return recipe.model_copy(update=_AS_THEY_ARE)


def left_out(batches: Sequence[Batch], data: TrainingData, classes: int) -> list[int]:
    """Classes that are labelled in ``data`` and in none of ``batches``.

    The fit would take it that they are nowhere.
    """
    seen = {value for b in batches for value in b.classes[b.weights > 0].tolist()}
    total = sum(plane.trained[:classes] for plane in data.planes.values())
    return [int(value) for value in np.flatnonzero(total) if value not in seen]


def last_layer(network: nn.Module) -> nn.Conv2d | nn.Conv3d | None:
    """The 1x1 convolution that makes the logits, where a network has exactly one."""
    head = getattr(network, "head", None)
    fits = (
        isinstance(head, nn.Conv2d | nn.Conv3d)
        and set(head.kernel_size) == {1}
        and head.bias is not None
    )
    return head if fits else None


def fit_last_layer(
    network: nn.Module,
    batches: Sequence[Batch],
    *,
    precision: str,
    layout: torch.memory_format,
    generator: torch.Generator,
) -> bool:
    """Fit ``network.head`` to the labelled pixels of ``batches``; the rest keeps its weights.

    Its batch statistics are those of the batches from then on. False where there is nothing to
    fit: fewer than two classes are labelled, the network has no such layer, or its features are
    not finite.
    """
    head = last_layer(network)
    if head is None or head.bias is None:
        return False
    features = _features(network, head, batches, precision, layout)
    classes = torch.cat([b.classes[b.weights > 0] for b in batches]).cpu()
    # On the CPU first: Apple GPUs know no float64.
    weights = torch.cat([b.weights[b.weights > 0] for b in batches]).cpu().double()
    if len(classes.unique()) < 2 or not bool(features.isfinite().all()):  # type: ignore[no-untyped-call]
        return False
    if len(classes) > MOST_PIXELS:
        order = torch.randperm(len(classes), generator=generator)
        some = torch.cat([order[:MOST_PIXELS], *_rare(classes, order)])
        features, classes, weights = features[some], classes[some], weights[some]
    weight, bias = logistic_regression(
        features,
        classes,
        weights,
        start=(head.weight.detach().flatten(1).cpu(), head.bias.detach().cpu()),
        penalty=PENALTY,
    )
    with torch.no_grad():
        head.weight.copy_(weight.reshape(head.weight.shape))
        head.bias.copy_(bias)
    return True


def logistic_regression(
    features: Tensor,
    classes: Tensor,
    weights: Tensor,
    *,
    start: tuple[Tensor, Tensor],
    penalty: float,
) -> tuple[Tensor, Tensor]:
    """Weight (class, feature) and bias (class,) that minimise the weighted mean cross-entropy of
    ``features`` (pixel, feature) plus ``penalty`` times the squared distance from ``start``, for
    standardised features. float64 inside; a feature that does not vary keeps its weight.
    """
    number, size = start[0].shape
    x, w = features.double(), (weights / weights.sum()).double()
    middle, spread = x.mean(0), x.std(0, correction=0).clamp_min(1e-6)
    x = (x - middle) / spread
    truth = one_hot(classes, number).double()
    old = torch.empty(size + 1, number, dtype=torch.float64)
    old[:size] = start[0].double().T * spread[:, None]
    old[size] = start[1].double() + start[0].double() @ middle
    # The bias is all but free: how common a class is changes from image to image.
    costs = penalty * torch.tensor([1.0] * size + [1e-2], dtype=torch.float64)[:, None]

    def value_and_gradient(flat: npt.NDArray[Any]) -> tuple[float, npt.NDArray[Any]]:
        now = torch.from_numpy(flat).reshape(old.shape)
        logits = (x @ now[:size] + now[size]).log_softmax(1)
        over = (logits.exp() - truth) * w[:, None]
        moved = costs * (now - old)
        value = (moved * (now - old)).sum() - ((logits * truth).sum(1) @ w)
        gradient = torch.vstack([x.T @ over, over.sum(0)]) + 2 * moved
        return float(value), gradient.ravel().numpy()

    # In torch, whose threads are there already: those of numpy's BLAS would wait for them.
    found = minimize(value_and_gradient, old.ravel().numpy(), jac=True, method="L-BFGS-B")
    best = torch.from_numpy(found.x).reshape(old.shape)
    weight = (best[:size] / spread[:, None]).T.contiguous()
    return weight, best[size] - weight @ middle


def _rare(classes: Tensor, order: Tensor) -> list[Tensor]:
    """What is taken beyond the first of ``order``, lest a class with few pixels goes missing."""
    left = order[MOST_PIXELS:]
    lost = set(classes.tolist()) - set(classes[order[:MOST_PIXELS]].tolist())
    return [left[classes[left] == value][:RARE_PIXELS] for value in sorted(lost)]


@torch.no_grad()
def _features(
    network: nn.Module,
    head: nn.Module,
    batches: Sequence[Batch],
    precision: str,
    layout: torch.memory_format,
) -> Tensor:
    """What enters the last layer at the labelled pixels: (pixel, feature), on the CPU."""
    seen: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    hook = head.register_forward_pre_hook(keep)
    found = []
    try:
        with fresh_statistics(network):
            for batch in batches:
                with autocast(batch.images.device, precision):
                    network(batch.images.contiguous(memory_format=layout))
                found.append(seen.pop().float().movedim(1, -1)[batch.weights > 0].cpu())
    finally:
        hook.remove()
    return torch.cat(found)
