"""Times as people write them."""

from __future__ import annotations

import math
import re

from napari_unet.errors import UserError

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_seconds(text: str | float) -> float:
    """Seconds: ``60``, ``"60"``, ``"60s"``, ``"1.5m"``, ``"2min"``, ``"1h"``.

    :class:`UserError` for anything else and for times that are not positive.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", str(text).lower())
    if match and match[2] in _UNITS:
        seconds = float(match[1]) * _UNITS[match[2]]
        if 0 < seconds < math.inf:
            return seconds
    raise UserError(f"The time {str(text)!r} is not understood: write it as 60s, 2m or 1h.")
