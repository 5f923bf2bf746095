"""How an Image layer is shown and where it lies, as JSON values for the project; and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

FARTHEST = 1e12
"""Beyond this, places and scales are damage: drawing would fail."""
GREATEST = 3e38
"""Grey values are drawn as float32."""


def look_of(layer: Any) -> dict[str, Any]:
    """What :func:`checked_look` brings back; values that no file can hold are left out."""
    look: dict[str, Any] = {
        "rgb": bool(layer.rgb),
        "scale": [float(s) for s in layer.scale],
        "translate": [float(t) for t in layer.translate],
        "rotate": np.asarray(layer.rotate, float).tolist(),
        "shear": np.asarray(layer.shear, float).tolist(),
        "affine": np.asarray(layer.affine.affine_matrix, float).tolist(),
        "units": [str(u) for u in layer.units],
        "opacity": float(layer.opacity),
        "visible": bool(layer.visible),
        "blending": str(layer.blending),
        "colormap": layer.colormap.name if not layer.rgb else "gray",
    }
    if not layer.rgb:
        look["gamma"] = float(layer.gamma)
        limits = [float(v) for v in layer.contrast_limits]
        if np.isfinite(limits).all():
            look["contrast_limits"] = limits
    return look


def checked_look(view: dict[str, Any], shape: tuple[int, ...]) -> tuple[dict[str, Any], list[str]]:
    """Arguments of ``add_image`` for pixels of ``shape``, and the names of what is damaged.

    What is damaged is left out, so that napari shows the usual.
    """
    rgb = view.get("rgb") is True and len(shape) > 2 and shape[-1] in (3, 4)
    ndim = len(shape) - rgb
    arguments: dict[str, Any] = {"rgb": rgb}
    damaged = ["rgb"] if view.get("rgb", False) is not rgb else []
    for name, check in CHECKS.items():
        if name not in view or (rgb and name in ("colormap", "gamma", "contrast_limits")):
            continue
        try:
            arguments[name] = check(view[name], ndim)
        except Exception:  # whatever napari, numpy or pint say of a value that was tampered with
            damaged.append(name)
    return arguments, damaged


def _need(right: bool) -> None:
    if not right:
        raise ValueError


def _numbers(value: Any, *shape: int, most: float = FARTHEST) -> Any:
    """An array of finite numbers."""
    _need(isinstance(value, list))
    array = np.asarray(value)
    _need(array.shape == shape and array.dtype.kind in "iuf")
    array = array.astype(float)
    _need(bool((np.abs(array) <= most).all()))
    return array


def _scale(value: Any, ndim: int) -> Any:
    array = _numbers(value, ndim)
    _need(bool((np.abs(array) >= 1 / FARTHEST).all()))
    return array


def _rotate(value: Any, ndim: int) -> Any:
    array = _numbers(value, ndim, ndim)
    _need(np.allclose(array @ array.T, np.eye(ndim), atol=1e-3))
    return array


def _affine(value: Any, ndim: int) -> Any:
    array = _numbers(value, ndim + 1, ndim + 1)
    _need(np.array_equal(array[-1], np.eye(ndim + 1)[-1]))
    _need(bool(np.linalg.cond(array[:-1, :-1]) < FARTHEST))
    return array


def _limits(value: Any, ndim: int) -> Any:
    low, high = _numbers(value, 2, most=GREATEST).tolist()
    _need(low < high)
    return low, high


def _between(low: float, high: float) -> Callable[[Any, int], Any]:
    def check(value: Any, ndim: int) -> float:
        _need(type(value) in (int, float) and low <= value <= high)
        return float(value)

    return check


def _visible(value: Any, ndim: int) -> Any:
    _need(isinstance(value, bool))
    return value


def _units(value: Any, ndim: int) -> Any:
    import pint

    _need(isinstance(value, list) and len(value) == ndim)
    for one in value:
        # A name alone: of what is a formula, pint would compute the powers.
        _need(isinstance(one, str) and re.fullmatch(r"[^\W\d]\w{0,40}", one) is not None)
        pint.get_application_registry().parse_units(one)
    return value


def _colormap(value: Any, ndim: int) -> Any:
    from napari.utils.colormaps import ensure_colormap

    _need(isinstance(value, str) and len(value) <= 200)
    ensure_colormap(value)
    return value


def _blending(value: Any, ndim: int) -> Any:
    from napari.layers.base._base_constants import Blending

    return Blending(value).value


CHECKS: dict[str, Callable[[Any, int], Any]] = {
    "scale": _scale,
    "translate": lambda value, ndim: _numbers(value, ndim),
    "rotate": _rotate,
    "shear": lambda value, ndim: _numbers(value, ndim * (ndim - 1) // 2, most=1e6),
    "affine": _affine,
    "units": _units,
    "opacity": _between(0, 1),
    "visible": _visible,
    "blending": _blending,
    "colormap": _colormap,
    "gamma": _between(0.01, 100),
    "contrast_limits": _limits,
}
