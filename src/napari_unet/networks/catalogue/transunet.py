"""``transunet``: what is known of it without torch."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec

Count = Annotated[int, Field(ge=1, le=64)]
Channels = Annotated[int, Field(ge=1, le=4096)]
STRIDE = 16


class TransUNetArguments(Arguments):
    """Arguments of ``transunet``; the defaults are the paper's R50-ViT-B/16."""

    width: int = Field(64, ge=1, le=1024, description="channels of the stem, at half resolution")
    blocks: tuple[Count, Count, Count] = Field(
        (3, 4, 9), description="bottlenecks of the stem's stages"
    )
    dim: int = Field(768, ge=1, le=4096, description="channels of a token")
    layers: int = Field(12, ge=1, le=64, description="transformer layers")
    heads: int = Field(12, ge=1, le=64, description="attention heads, a divisor of dim")
    mlp: int = Field(3072, ge=1, le=16384, description="hidden units of a transformer layer")
    decoder: tuple[Channels, Channels, Channels, Channels] = Field(
        (256, 128, 64, 16), description="channels on the way up, the last at full resolution"
    )
    image_size: int = Field(
        224, ge=32, le=4096, description="side, in pixels, that position embeddings are made for"
    )
    dropout: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_share_the_channels(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"dim ({self.dim}) must be a multiple of heads ({self.heads})")
        return self


def _geometry(arguments: TransUNetArguments, dims: int) -> Geometry:
    """Attention sees all of a window: its reach is what a window's last pixel is from the first.

    At least two tokens along each axis, since some statistics are of one channel.
    """
    window = -(-arguments.image_size // STRIDE) * STRIDE
    return Geometry(
        stride=(STRIDE,) * dims,
        reach=(window - 1,) * dims,
        border=(0,) * dims,
        base=(2 * STRIDE,) * dims,
        tile_exact=False,
        window=(window,) * dims,
    )


TRANSUNET = NetworkSpec(
    name="transunet",
    title="TransUNet",
    paper="arXiv:2102.04306",
    when="When the images are many and what a pixel is depends on things far away in the image; "
    "with few images, and without the published start from ImageNet-21k, a U-Net is better.",
    dims=(2,),
    arguments=TransUNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.transunet:TransUNet",
    live={
        "width": 16,
        "blocks": (1, 2, 2),
        "dim": 128,
        "layers": 2,
        "heads": 4,
        "mlp": 256,
        "decoder": (64, 32, 16, 16),
        "image_size": 192,
        "dropout": 0.0,
    },
    tiny={
        "width": 4,
        "blocks": (1, 1, 2),
        "dim": 8,
        "layers": 1,
        "heads": 2,
        "mlp": 8,
        "decoder": (4, 4, 2, 2),
        "image_size": 48,
        "dropout": 0.1,
    },
    facts_at=FactsAt(size=(224, 224), channels=3, classes=9),
)
