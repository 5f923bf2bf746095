"""Paying once, before the user presses Train, for what the first step of a process costs."""

from __future__ import annotations

import os

import numpy as np
import torch

from napari_unet.core import make_trainer
from napari_unet.engine.protocol import Ready
from napari_unet.images.image import Image
from napari_unet.prediction.device import choose_device, device_name
from napari_unet.speed.choosing import threads
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Progress


def warm_up() -> Ready:
    """Make one training step and one prediction of the usual sizes, then tell what there is.

    This loads what torch loads late (kernels, their tables, the code of an accelerator).
    """
    device = choose_device()
    threads()  # as many as there are, before they are adapted to what others use
    image = np.random.default_rng(0).integers(0, 255, (512, 512), np.uint8)
    labels = (image > 127).astype(np.uint8)
    trainer = make_trainer(
        [
            LabelledImage(
                Image("warm-up", image, "yx"), Image("warm-up", labels, "yx"), "classes", True
            )
        ],
        validation="none",
    )
    for event in trainer.run():
        if isinstance(event, Progress):
            break
    plane = np.zeros((1, *image.shape), np.float32)
    trainer.predictor().probability(plane)
    return Ready(
        pid=os.getpid(),
        device=device.type,
        device_name=device_name(device),
        precision=trainer.precision,
        torch=torch.__version__,
    )
