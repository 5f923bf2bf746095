"""The U-Net that learns while you paint.

>>> import napari_unet as nu                                    # doctest: +SKIP
>>> model = nu.train(images, labels, budget="60s")              # doctest: +SKIP
>>> probability = model.predict(image)                          # doctest: +SKIP
>>> model.save("cells.unet"); model = nu.load("cells.unet")     # doctest: +SKIP

Importing this package imports neither torch nor napari: the names below load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from napari_unet.core import train
    from napari_unet.errors import UserError
    from napari_unet.model.model import Model, load

__all__ = ["Model", "UserError", "load", "train"]

_HOME = {
    "Model": "napari_unet.model.model",
    "UserError": "napari_unet.errors",
    "load": "napari_unet.model.model",
    "train": "napari_unet.core",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
