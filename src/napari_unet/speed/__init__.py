"""The fastest way to compute on this device, chosen by measuring and remembered."""

from napari_unet.speed.choosing import repeatable, way_for_prediction, way_for_training

__all__ = ["repeatable", "way_for_prediction", "way_for_training"]
