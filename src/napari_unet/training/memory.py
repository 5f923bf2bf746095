"""Steps for which there may be too little memory."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from napari_unet.prediction.device import is_out_of_memory

NO_MEMORY = (
    "Memory ran out even for the smallest batch and tile: close other programs or choose a smaller "
    "network."
)


def within_memory(step: Callable[[], float]) -> tuple[float | None, str]:
    """What ``step`` returns and "", or None and the traceback when memory ran out.

    Once this has returned nothing holds on to the tensors of the attempt any more. Other errors are
    raised.
    """
    try:
        return step(), ""
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None, traceback.format_exc()
