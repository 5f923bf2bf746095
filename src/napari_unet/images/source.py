"""What a file holds before it becomes an :class:`~napari_unet.images.image.Image`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.image import ArrayLike

LAZY_ABOVE = 64 * 2**20
"""Bytes of pixels above which a file is read piece by piece instead of at once."""

_METRES = {
    "m": 1.0,
    "meter": 1.0,
    "metre": 1.0,
    "cm": 1e-2,
    "centimeter": 1e-2,
    "inch": 2.54e-2,
    "in": 2.54e-2,
    "mm": 1e-3,
    "millimeter": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,  # micro sign
    "μm": 1e-6,  # Greek mu
    "\\u00b5m": 1e-6,  # as ImageJ writes it
    "micron": 1e-6,
    "microns": 1e-6,
    "micrometer": 1e-6,
    "micrometre": 1e-6,
    "nm": 1e-9,
    "nanometer": 1e-9,
    "å": 1e-10,
    "angstrom": 1e-10,
    "pm": 1e-12,
    "picometer": 1e-12,
}


@dataclass(frozen=True)
class Source:
    """Pixels, the axes that the file names (None = it does not), pixel sizes in µm by axis."""

    data: ArrayLike
    axes: str | None = None
    spacing: Mapping[str, float] = field(default_factory=dict)


def micrometres(value: float, unit: str | None) -> float | None:
    """A length in µm; None for a unit that is no length, such as pixels, or a senseless value."""
    metres = _METRES.get((unit or "").strip().lower())
    if metres is None or not 0 < value < float("inf"):
        return None
    return value * (metres / 1e-6)


def unreadable(path: Path, kind: str, error: Exception) -> UserError:
    """One sentence about a file that is not what its name says."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return UserError(f"{path} cannot be read as {kind}; it may be damaged ({reason}).")
