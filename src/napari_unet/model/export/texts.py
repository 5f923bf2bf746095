"""What an exported model says about itself, for people and in ONNX metadata. Free of torch."""

from __future__ import annotations

from typing import Any

from napari_unet import __version__
from napari_unet.model.export.about import About, citations, sentence
from napari_unet.model.export.sizes import PieceSizes
from napari_unet.model.header import Header
from napari_unet.networks import registry
from napari_unet.networks.geometry import Sizes

_OF_IMAGE = (
    "The percentiles 1 and 99 of each channel of the image as a whole become -1 and 1, linearly."
)

MISSING = (
    "A channel that is missing from an image must be filled with NaN: only this package takes one "
    "that holds a single value for missing."
)
"""Of networks that can do without some of their channels."""


def takes_missing(header: Header) -> bool:
    return registry.spec(header.network).takes_missing


def readme(header: Header, sizes: PieceSizes, about: About) -> str:
    """``README.md`` of a package: what it does, what it takes, how good it was."""
    network = registry.spec(header.network)
    names = [c.name for c in header.classes]
    parts = [
        f"# {about.name}",
        sentence(header, about),
        f"Trained with napari-unet-live {__version__} for {header.history.steps} steps. "
        f"Network: {network.title} ({network.paper}), arguments {header.arguments}.",
        "## Input and output",
        f"Float32 grey values, {header.in_channels} channel(s), {sizes.describe()}. They are "
        f"normalised as rdf.yaml says. The output holds the probabilities of {', '.join(names)}, "
        f"in this order.{_rim(sizes)}{_missing(header)}",
        "## Validation",
        _validation(header),
        "To validate it on images of your own, predict them and compare with labels that the model "
        "has not seen, for example with `napari-unet evaluate`.",
    ]
    return "\n\n".join(parts) + "\n"


def onnx_metadata(header: Header, sizes: PieceSizes, about: About) -> dict[str, Any]:
    """What an ONNX file says about itself: by name, anything that JSON can hold."""
    inside = header.normalisation.method == "training"
    if inside:
        input_ = "Grey values; the constants of the training images are applied inside."
    else:
        input_ = f"Grey values after this normalisation: {_OF_IMAGE}"
    return {
        "name": about.name,
        "description": sentence(header, about),
        "authors": about.authors,
        "license": about.license,
        "cite": citations(header, about.cite),
        "software": f"napari-unet-live {__version__}",
        "network": header.network,
        "arguments": header.arguments,
        "axes": f"bc{header.spatial_axes}",
        "spacing": header.spacing,
        "classes": [c.name for c in header.classes],
        "input": f"{input_}{_missing(header)}",
        "output": f"Probability of each class.{_rim(sizes)}",
        "normalisation": {**header.normalisation.model_dump(mode="json"), "inside": inside},
        "input_size": {"min": sizes.least, "step": sizes.step, "only": sizes.fixed},
        "border": sizes.border,
        "halo": sizes.halo,
    }


def _validation(header: Header) -> str:
    if not header.history.validation:
        return "Nothing was held out from the training to validate it on."
    values = ", ".join(
        f"{c.name} {'absent' if iou is None else f'{iou:.3f}'}"
        for c, iou in zip(header.classes, header.history.validation[-1].iou, strict=False)
    )
    return f"Intersection over union on what was held out from the training: {values}."


def _missing(header: Header) -> str:
    return f" {MISSING}" if takes_missing(header) else ""


def _rim(sizes: PieceSizes) -> str:
    text = ""
    if any(sizes.border):
        text += f" It is smaller than the input by {_pixels(sizes.border)} on each side."
    if any(sizes.halo):
        text += f" Cut off {_pixels(sizes.halo)} on each side, which depend on what lies beyond."
    return text


def _pixels(sizes: Sizes) -> str:
    same = len(set(sizes)) == 1
    return f"{sizes[0] if same else ' x '.join(map(str, sizes))} pixels"
