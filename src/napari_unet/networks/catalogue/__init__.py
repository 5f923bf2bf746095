"""One file for each network: its :class:`~napari_unet.networks.spec.NetworkSpec`. Free of torch."""

from __future__ import annotations

from napari_unet.networks.catalogue.lunet import LUNET
from napari_unet.networks.catalogue.unet import UNET

BUILT_IN = (
    UNET,
    LUNET,
)
"""In the order in which they are shown."""
