"""One file for each network: its :class:`~napari_unet.networks.spec.NetworkSpec`. Free of torch."""

from __future__ import annotations

from napari_unet.networks.catalogue.aid_unet import AID_UNET
from napari_unet.networks.catalogue.attention_unet import ATTENTION_UNET
from napari_unet.networks.catalogue.dense_unet import DENSE_UNET
from napari_unet.networks.catalogue.fcn8s import FCN8S
from napari_unet.networks.catalogue.lunet import LUNET
from napari_unet.networks.catalogue.multimodal_unet import MULTIMODAL_UNET
from napari_unet.networks.catalogue.segnet import SEGNET
from napari_unet.networks.catalogue.unet import UNET
from napari_unet.networks.catalogue.unet3d import UNET3D
from napari_unet.networks.catalogue.unet_reduced_skip import UNET_REDUCED_SKIP
from napari_unet.networks.catalogue.unetpp import UNETPP

BUILT_IN = (
    UNET,
    UNET3D,
    ATTENTION_UNET,
    UNETPP,
    AID_UNET,
    UNET_REDUCED_SKIP,
    LUNET,
    DENSE_UNET,
    MULTIMODAL_UNET,
    FCN8S,
    SEGNET,
)
"""In the order in which they are shown."""
