"""Pre-flight: what is wrong with labels and images, found before training, fixed by one click."""

from napari_unet.preflight.data import Expected, lint_image, lint_images
from napari_unet.preflight.issue import Fix, Fixed, Issue, Place
from napari_unet.preflight.labels import lint_labels
from napari_unet.preflight.mending import Together, fix_together
from napari_unet.preflight.together import Planes, lint_together

__all__ = [
    "Expected",
    "Fix",
    "Fixed",
    "Issue",
    "Place",
    "Planes",
    "Together",
    "fix_together",
    "lint_image",
    "lint_images",
    "lint_labels",
    "lint_together",
]
