"""One file for each network: its :class:`~napari_unet.networks.spec.NetworkSpec`. Free of torch."""

from __future__ import annotations

from napari_unet.networks.catalogue.aid_unet import AID_UNET
from napari_unet.networks.catalogue.attention_unet import ATTENTION_UNET
from napari_unet.networks.catalogue.cmunext import CMUNEXT
from napari_unet.networks.catalogue.dense_unet import DENSE_UNET
from napari_unet.networks.catalogue.fcn8s import FCN8S
from napari_unet.networks.catalogue.lunet import LUNET
from napari_unet.networks.catalogue.multimodal_unet import MULTIMODAL_UNET
from napari_unet.networks.catalogue.sd_unet import SD_UNET
from napari_unet.networks.catalogue.segnet import SEGNET
from napari_unet.networks.catalogue.transunet import TRANSUNET
from napari_unet.networks.catalogue.ulite import ULITE
from napari_unet.networks.catalogue.unet import UNET
from napari_unet.networks.catalogue.unet3d import UNET3D
from napari_unet.networks.catalogue.unet_reduced_skip import UNET_REDUCED_SKIP
from napari_unet.networks.catalogue.unetpp import UNETPP
from napari_unet.networks.catalogue.unext import UNEXT

BUILT_IN = (
    UNET,
    UNET3D,
    ATTENTION_UNET,
    UNETPP,
    TRANSUNET,
    SD_UNET,
    AID_UNET,
    UNET_REDUCED_SKIP,
    LUNET,
    DENSE_UNET,
    MULTIMODAL_UNET,
    FCN8S,
    SEGNET,
    CMUNEXT,
    UNEXT,
    ULITE,
)
"""In the order in which they are shown."""
