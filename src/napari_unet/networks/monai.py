"""Networks of MONAI (https://monai.io), where it is installed. Free of torch.

They come in by the entry point group that is open to everyone (docs/own-networks.md); nothing else
of this package knows them. ``monai_layers.py`` builds them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Literal

from pydantic import Field

from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.spec import Arguments, NetworkSpec

Span = tuple[int, int]
"""First and last pixel along an axis."""


class BasicUNetArguments(Arguments):
    """Arguments of ``monai_basicunet``; the defaults are MONAI's."""

    width: int = Field(32, ge=1, le=1024, description="channels at full resolution")
    norm: Literal["instance", "batch"] = "instance"
    dropout: float = Field(0.0, ge=0, lt=1)


class UNetArguments(Arguments):
    """Arguments of ``monai_unet``; the defaults are those of MONAI's tutorials."""

    width: int = Field(16, ge=1, le=1024, description="channels at half the resolution")
    depth: int = Field(4, ge=1, le=6, description="number of halvings")
    norm: Literal["instance", "batch"] = "instance"
    dropout: float = Field(0.0, ge=0, lt=1)


class AttentionUnetArguments(Arguments):
    """Arguments of ``monai_attentionunet``.

    It normalises by batch, but what leaves its gates by instance: its tiles are never exact.
    """

    width: int = Field(64, ge=2, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=6, description="number of halvings")
    dropout: float = Field(0.0, ge=0, lt=1)


class SegResNetArguments(Arguments):
    """Arguments of ``monai_segresnet``, which always has group normalisation (8 groups)."""

    width: int = Field(8, ge=8, le=1024, multiple_of=8, description="channels at full resolution")
    dropout: float = Field(0.0, ge=0, lt=1)


def _unet_span(span: Span, levels: int) -> Span:
    """The input pixels that those of ``span`` in the output of a residual U-Net depend on.

    Up to the next level, down to it, and what it does itself; skip connections see less.
    """
    span = _needed_of(_grown(span, 1), transposed=True)
    span = _unet_span(span, levels - 1) if levels > 1 else _grown(span, 2)
    return _needed_of(_grown(span, 1), transposed=False)


def _attention_span(span: Span, levels: int) -> Span:
    """As :func:`_unet_span`; the lowest level is the two convolutions that lead to it."""
    span = _needed_of(_grown(span, 1), transposed=True)
    if levels > 1:
        span = _attention_span(span, levels - 1)
    return _needed_of(_grown(span, 1), transposed=False)


def _segresnet_span(span: Span, level: int = 0) -> Span:
    """As :func:`_unet_span`, with two convolutions a residual block and linear upsampling."""
    blocks = (1, 2, 2, 4)
    if level < 3:
        lo, hi = _grown(span, 2)
        lo, hi = _segresnet_span(((lo - 1) // 2, (hi + 1) // 2), level + 1)
        span = lo, hi
    span = _grown(span, 2 * blocks[level])
    return _grown(span, 1) if level == 0 else _needed_of(span, transposed=False)


def _grown(span: Span, by: int) -> Span:
    return span[0] - by, span[1] + by


def _needed_of(span: Span, *, transposed: bool) -> Span:
    """Through a 3x3 convolution of stride 2, or a transposed one, to its input."""
    lo, hi = span
    return (lo // 2, -(-hi // 2)) if transposed else (2 * lo - 1, 2 * hi + 1)


def _geometry(dims: int, stride: int, span: Callable[[Span], Span], local: bool) -> Geometry:
    """Padded, with the reach of the farthest of all pixels of a stride."""
    spans = [span((pixel, pixel)) for pixel in range(stride)]
    reach = max(max(p - lo, hi - p) for p, (lo, hi) in enumerate(spans))
    return Geometry(
        stride=(stride,) * dims,
        reach=(reach,) * dims,
        border=(0,) * dims,
        base=(stride,) * dims,
        tile_exact=local,
    )


def _basic_unet_geometry(arguments: BasicUNetArguments, dims: int) -> Geometry:
    sizes = encoder_decoder_geometry(4, dims, padded=True)
    return replace(sizes, tile_exact=arguments.norm == "batch")


def _unet_geometry(arguments: UNetArguments, dims: int) -> Geometry:
    depth = arguments.depth
    return _geometry(dims, 2**depth, lambda s: _unet_span(s, depth), arguments.norm == "batch")


def _attention_unet_geometry(arguments: AttentionUnetArguments, dims: int) -> Geometry:
    depth = arguments.depth
    return _geometry(dims, 2**depth, lambda s: _grown(_attention_span(s, depth), 2), False)


def _segresnet_geometry(arguments: SegResNetArguments, dims: int) -> Geometry:
    return _geometry(dims, 8, _segresnet_span, False)


_LAYERS = "napari_unet.networks.monai_layers"

NETWORKS = (
    NetworkSpec(
        name="monai_basicunet",
        title="MONAI BasicUNet",
        paper="10.1038/s41592-018-0261-2",
        when="To compare with, or to go on with, work done in MONAI; a plain U-Net of its.",
        dims=(2, 3),
        arguments=BasicUNetArguments,
        geometry=_basic_unet_geometry,
        module=f"{_LAYERS}:basic_unet",
        live={"width": 16, "norm": "batch"},
        tiny={"width": 2, "norm": "batch"},
    ),
    NetworkSpec(
        name="monai_unet",
        title="MONAI UNet (residual)",
        paper="10.1007/978-3-030-12029-0_40",
        when="To compare with, or to go on with, work done in MONAI; the U-Net of its tutorials.",
        dims=(2, 3),
        arguments=UNetArguments,
        geometry=_unet_geometry,
        module=f"{_LAYERS}:unet",
        live={"norm": "batch"},
        tiny={"width": 2, "depth": 2, "norm": "batch"},
    ),
    NetworkSpec(
        name="monai_attentionunet",
        title="MONAI AttentionUnet",
        paper="arXiv:1804.03999",
        when="To compare with, or to go on with, work done in MONAI; its attention U-Net.",
        dims=(2, 3),
        arguments=AttentionUnetArguments,
        geometry=_attention_unet_geometry,
        module=f"{_LAYERS}:attention_unet",
        live={"width": 16},
        tiny={"width": 2, "depth": 2},
    ),
    NetworkSpec(
        name="monai_segresnet",
        title="MONAI SegResNet",
        paper="arXiv:1810.11654",
        when="To compare with, or to go on with, work done in MONAI; made for brain tumours in 3D.",
        dims=(2, 3),
        arguments=SegResNetArguments,
        geometry=_segresnet_geometry,
        module=f"{_LAYERS}:segresnet",
        tiny={"width": 8},
    ),
)


def networks() -> list[NetworkSpec]:
    """The networks, or none where MONAI is not installed."""
    return list(NETWORKS) if find_spec("monai") is not None else []
