"""What a package of the BioImage Model Zoo says about its model: ``rdf.yaml``. Free of torch.

Format 0.5 of https://github.com/bioimage-io/spec-bioimage-io, in an older patch version of it that
more programs read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet import __version__
from napari_unet.images.normalise import PERCENTILES
from napari_unet.model.export.about import About, citations, sentence
from napari_unet.model.export.sizes import PieceSizes
from napari_unet.model.header import Header

FORMAT_VERSION = "0.5.4"
INPUT_ID, OUTPUT_ID = "input", "probability"
EPSILON = 1e-12
"""Keeps a constant channel from a division by zero; no more."""


def preprocessing(header: Header) -> list[dict[str, Any]]:
    """The normalisation as steps of the model zoo, from grey values to the network's input.

    With constants, (value - middle) / half of the range; with the percentiles of each image, these
    become 0 and 1, and then -1 and 1. (A constant image becomes -1 then, here it would become 0.)
    """
    constants = header.normalisation
    if constants.method == "training":
        pairs = list(zip(constants.low, constants.high, strict=True))
        # A channel without range becomes 0 with us; so it does when divided by a huge number.
        middle = [(low + high) / 2 for low, high in pairs]
        half = [(high - low) / 2 if high > low else 1e30 for low, high in pairs]
        kwargs: dict[str, Any] = {"axis": "channel", "mean": middle, "std": half}
        return [{"id": "fixed_zero_mean_unit_variance", "kwargs": kwargs}]
    low, high = PERCENTILES
    return [
        {
            "id": "scale_range",
            "kwargs": {
                "axes": list(header.spatial_axes),
                "min_percentile": low,
                "max_percentile": high,
                "eps": EPSILON,
            },
        },
        {"id": "scale_linear", "kwargs": {"gain": 2.0, "offset": -1.0}},
    ]


def preprocess(steps: list[dict[str, Any]], x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """``x`` (B, C, *spatial) after ``steps``, as a program that knows only the format does it."""
    for step in steps:
        kwargs = step["kwargs"]
        if step["id"] == "fixed_zero_mean_unit_variance":
            shape = (-1, *(1,) * (x.ndim - 2))
            mean, std = (np.reshape(kwargs[key], shape) for key in ("mean", "std"))
            x = ((x - mean) / std).astype(np.float32)
        elif step["id"] == "scale_range":
            spatial = tuple(range(2, x.ndim))
            low, high = np.percentile(
                x, (kwargs["min_percentile"], kwargs["max_percentile"]), spatial, keepdims=True
            )
            x = ((x - low) / (high - low + kwargs["eps"])).astype(np.float32)
        else:
            x = (x * kwargs["gain"] + kwargs["offset"]).astype(np.float32)
    return x


def description(
    header: Header, sizes: PieceSizes, about: About, weights: dict[str, Any], sha256: dict[str, str]
) -> dict[str, Any]:
    """The content of ``rdf.yaml``; ``sha256`` of the files that it names."""

    def file(name: str) -> dict[str, Any]:
        return {"source": name, "sha256": sha256[name]}

    return {
        "type": "model",
        "format_version": FORMAT_VERSION,
        "name": about.name,
        "description": sentence(header, about),
        "authors": [{"name": name} for name in about.authors or ("The author of this model",)],
        "cite": citations(header, about.cite),
        "license": about.license,
        "tags": _tags(header),
        "documentation": file("README.md"),
        "timestamp": header.provenance.created or "1970-01-01T00:00:00+00:00",
        "inputs": [
            {
                "id": INPUT_ID,
                "description": "grey values as in the file",
                "axes": [
                    {"type": "batch"},
                    {"type": "channel", "channel_names": _channels(header)},
                    *_input_axes(header, sizes),
                ],
                "data": {"type": "float32"},
                "test_tensor": file("test_input.npy"),
                "preprocessing": preprocessing(header),
            }
        ],
        "outputs": [
            {
                "id": OUTPUT_ID,
                "description": "probability of each class; they sum to 1",
                "axes": [
                    {"type": "batch"},
                    {"type": "channel", "channel_names": [c.name for c in header.classes]},
                    *_output_axes(header, sizes),
                ],
                "data": {"type": "float32", "range": [0.0, 1.0]},
                "test_tensor": file("test_output.npy"),
            }
        ],
        "weights": weights,
        "config": {
            "napari_unet": {
                "version": __version__,
                "network": header.network,
                "arguments": header.arguments,
                "label_kind": header.label_kind,
                "min_object_size": header.min_object_size,
                "normalisation": header.normalisation.model_dump(mode="json"),
            }
        },
    }


def _tags(header: Header) -> list[str]:
    return ["napari", "unet", "segmentation", "semantic-segmentation", f"{header.dims}d", "pytorch"]


def _channels(header: Header) -> list[str]:
    return [f"channel{i}" for i in range(header.in_channels)]


def _space(header: Header, axis: str, index: int) -> dict[str, Any]:
    space: dict[str, Any] = {"type": "space", "id": axis}
    if header.spacing is not None:
        space |= {"unit": "micrometer", "scale": header.spacing[index]}
    return space


def _input_axes(header: Header, sizes: PieceSizes) -> list[dict[str, Any]]:
    def size(index: int) -> Any:
        if sizes.fixed is not None:
            return sizes.fixed[index]
        return {"min": sizes.least[index], "step": sizes.step[index]}

    return [
        _space(header, axis, i) | {"size": size(i)} for i, axis in enumerate(header.spatial_axes)
    ]


def _output_axes(header: Header, sizes: PieceSizes) -> list[dict[str, Any]]:
    made = []
    for i, axis in enumerate(header.spatial_axes):
        size = {"tensor_id": INPUT_ID, "axis_id": axis, "offset": -2 * sizes.border[i]}
        halo = {"halo": sizes.halo[i]} if sizes.halo[i] else {}
        made.append(_space(header, axis, i) | {"size": size} | halo)
    return made
