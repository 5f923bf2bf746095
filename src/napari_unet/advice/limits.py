"""What the user's machine and patience allow. Free of torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from napari_unet.errors import UserError

_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgt", 1):
    _UNITS |= {_letter: 1000**_power, f"{_letter}b": 1000**_power, f"{_letter}ib": 1024**_power}


@dataclass(frozen=True)
class Limits:
    """Bytes of memory, of the GPU where there is one, and seconds for an image; None: any."""

    memory: int | None = None
    seconds_per_image: float | None = None

    def __post_init__(self) -> None:
        seconds = self.seconds_per_image
        if seconds is not None and not 0 < seconds < math.inf:
            raise UserError(f"{seconds:g} seconds for an image are no limit: give more than 0.")


def parse_memory(text: str) -> int:
    """Bytes: ``4GB``, ``500 MB``, ``2GiB``; a plain number is in bytes.

    :class:`UserError` for anything else.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", text.lower())
    if match and match[2] in _UNITS and (size := int(float(match[1]) * _UNITS[match[2]])) > 0:
        return size
    raise UserError(f"The memory {text!r} is not understood: write it as 4GB or 500MB.")


def shown_memory(size: float) -> str:
    """``1.3 GB`` or ``850 MB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
