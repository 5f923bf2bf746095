"""One file for each network: its :class:`~napari_unet.networks.spec.NetworkSpec`. Free of torch."""

from __future__ import annotations

from napari_unet.networks.catalogue.aid_unet import AID_UNET
from napari_unet.networks.catalogue.lunet import LUNET
from napari_unet.networks.catalogue.unet import UNET
from napari_unet.networks.catalogue.unet3d import UNET3D

BUILT_IN = (
    UNET,
    UNET3D,
    AID_UNET,
    LUNET,
)
"""In the order in which they are shown."""
