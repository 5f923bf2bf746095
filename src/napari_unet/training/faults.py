"""What ends a training, in a sentence for whoever began it."""

from __future__ import annotations

from napari_unet.prediction.device import is_out_of_memory
from napari_unet.training.memory import NO_MEMORY

TOO_SMALL = (
    "A step sees too few pixels for the network's normalisation: choose a larger tile, or two or "
    "more pieces a step (batch)."
)


def in_words(error: Exception) -> str:
    """One sentence about an error that is nobody's fault."""
    if is_out_of_memory(error):
        return NO_MEMORY
    if too_small(error):
        return TOO_SMALL
    return f"Training failed: {str(error) or type(error).__name__}"


def too_small(error: Exception) -> bool:
    """Whether a network came down to a single pixel, of which there is no variance.

    Only the layer itself knows where: some networks normalise at the deepest level, others not.
    """
    single = ("Expected more than 1 value per channel", "Expected more than 1 spatial element")
    return isinstance(error, ValueError) and str(error).startswith(single)
