"""Predictions that must not depend on how an image is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry
from napari_unet.prediction.predictor import Predictor

SMALL: dict[str, Any] = {"width": 4, "depth": 2, "padding": "same", "norm": "batch"}


def make(name: str = "unet", **arguments: Any) -> tuple[nn.Module, Geometry]:
    """A 2D network of one channel and three classes, and its sizes."""
    torch.manual_seed(0)
    network = registry.build(name, dims=2, in_channels=1, out_channels=3, arguments=arguments)
    return network.eval(), registry.geometry(name, arguments, 2)


def assert_tilings_agree(predictor: Predictor, height: int, width: int, tile: int) -> None:
    """Whole, in tiles, and a part by itself."""
    plane = np.random.default_rng(height).normal(size=(1, height, width)).astype(np.float32)
    whole = predictor.probability(plane, tile=max(height, width))
    np.testing.assert_allclose(predictor.probability(plane, tile=tile), whole, atol=1e-5)
    box = ((height // 3, height), (0, max(1, width // 2)))
    part = predictor.probability(plane, box=box)
    np.testing.assert_allclose(part, whole[:, height // 3 :, : max(1, width // 2)], atol=1e-5)
