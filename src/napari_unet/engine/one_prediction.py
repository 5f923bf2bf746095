"""One prediction by an engine process of its own, as the dock asks for it. Free of torch."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_unet.engine.client import EngineClient
from napari_unet.engine.protocol import (
    EngineDied,
    JobFailed,
    JobFinished,
    LoadModel,
    OpenImage,
    Predict,
)
from napari_unet.errors import UserError
from napari_unet.images.image import Image

PATIENCE = 600.0
"""Seconds without any sign of life after which an engine is given up."""


def predict_in_engine(
    model: Path,
    image: Image,
    classes: int,
    *,
    device: str,
    precision: str,
    tile: int | None,
    cache_dir: Path,
) -> npt.NDArray[np.float32]:
    """Probability (class, \\*leading, \\*spatial) of an image by the engine.

    :class:`UserError` when the engine cannot be started, dies or cannot predict.
    """
    client = EngineClient(cache_dir)
    try:
        client.start()
        pixels = np.asarray(image.data[...])
        ref, shared = client.allocate(pixels.shape, pixels.dtype.newbyteorder("="))
        shared[...] = pixels
        shape = (*image.leading_shape, classes, *image.spatial_shape)
        out, probability = client.allocate(shape, np.float32)
        client.send(LoadModel(job="load", path=str(model)))
        client.send(
            OpenImage(
                id="image",
                name=image.name,
                array=ref,
                axes=image.axes,
                dims=image.dims,
                spacing=image.spacing,
            )
        )
        client.send(
            Predict(
                job="predict",
                image="image",
                outputs={"probability": out},
                tile=tile,
                device=device,
                precision=precision,
            )
        )
        _wait(client, "predict")
        return np.moveaxis(np.array(probability), len(image.leading_shape), 0)
    finally:
        client.close()


def _wait(client: EngineClient, job: str) -> None:
    last = time.monotonic()
    while time.monotonic() - last < PATIENCE:
        events = client.poll()
        for event in events:
            if isinstance(event, JobFailed | EngineDied):
                raise UserError(f"The engine could not predict the image: {event.message}")
            if isinstance(event, JobFinished) and event.job == job:
                return
        if events:
            last = time.monotonic()
        else:
            time.sleep(0.02)
    raise UserError("The engine gave no sign of life any more: see its log.")
