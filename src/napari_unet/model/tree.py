"""A nested training state as JSON plus named tensors, and back, without pickle.

Containers become tagged JSON so that tuples, and dictionaries whose keys are numbers (optimiser
states), come back as what they were.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

_SCALARS = (bool, int, float, str, type(None))


def flatten(tree: Any) -> tuple[Any, dict[str, Tensor]]:
    """JSON and the tensors it refers to. NumPy arrays travel as tensors.

    :class:`TypeError` for anything but dict, list, tuple, tensor, array, number, string and None.
    """
    tensors: dict[str, Tensor] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, _SCALARS):
            return node
        if isinstance(node, np.generic):
            return node.item()
        if isinstance(node, Tensor | np.ndarray):
            name = str(len(tensors))
            tensors[name] = torch.from_numpy(node) if isinstance(node, np.ndarray) else node
            return {"array" if isinstance(node, np.ndarray) else "tensor": name}
        if isinstance(node, dict):
            return {"dict": [[walk(key), walk(value)] for key, value in node.items()]}
        if isinstance(node, list | tuple):
            return {"tuple" if isinstance(node, tuple) else "list": [walk(value) for value in node]}
        raise TypeError(f"a training state cannot hold a {type(node).__name__}")

    return walk(tree), tensors


def unflatten(json: Any, tensors: dict[str, Tensor]) -> Any:
    """Inverse of :func:`flatten`; KeyError, TypeError or ValueError where it is damaged."""
    if not isinstance(json, dict):
        return json
    ((tag, content),) = cast(dict[str, Any], json).items()
    match tag:
        case "tensor":
            return tensors[content]
        case "array":
            return tensors[content].numpy()
        case "dict":
            return {unflatten(k, tensors): unflatten(v, tensors) for k, v in content}
        case "list":
            return [unflatten(value, tensors) for value in content]
        case "tuple":
            return tuple(unflatten(value, tensors) for value in content)
    raise ValueError(f"unknown tag {tag!r}")
