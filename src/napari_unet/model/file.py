"""The ``.unet`` file: header, weights and, to go on training, the training state.

A zip (entries stored) or a folder of

``model.json``                     :class:`~napari_unet.model.header.Header`
``weights.safetensors``            the averaged weights, which predict
``training_state.safetensors``     optional: tensors of the trainer's state (optimiser, averages...)
``training_state.json``            optional: the rest of that state

Reading it never runs code. Importing this module does not import torch: :func:`read_header` works
without; :func:`save` and :func:`load` import it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.errors import UserError
from napari_unet.model.container import read_entries, write_folder, write_zip
from napari_unet.model.header import Header, parse_header

if TYPE_CHECKING:
    from torch import Tensor

HEADER = "model.json"
WEIGHTS = "weights.safetensors"
STATE = "training_state.safetensors"
STATE_JSON = "training_state.json"

_MIB = 2**20
LIMITS = {HEADER: 64 * _MIB, WEIGHTS: 16384 * _MIB, STATE: 65536 * _MIB, STATE_JSON: 256 * _MIB}
"""The only names that a model file may hold, and the largest size of each in bytes."""


def read_header(path: str | Path) -> Header:
    """The header alone, without weights and without torch; errors as :func:`load`."""
    return _header(Path(path), read_entries(Path(path), [HEADER], LIMITS))


def save(
    path: str | Path,
    header: Header,
    weights: dict[str, Tensor],
    training_state: dict[str, Any] | None = None,
    *,
    folder: bool | None = None,
) -> None:
    """Write a model file, whole or not at all; an existing one is replaced only on success.

    ``folder``: write a folder instead of a zip; by default only if ``path`` is one already.
    :class:`UserError` where the file cannot be written (disk full, no permission...).
    """
    from napari_unet.model.tree import flatten

    path = Path(path)
    entries = {HEADER: header.to_json().encode(), WEIGHTS: _pack(weights)}
    if training_state is not None:
        tree, tensors = flatten(training_state)
        entries[STATE_JSON] = json.dumps(tree, separators=(",", ":")).encode()
        entries[STATE] = _pack(tensors)
    if path.is_dir() if folder is None else folder:
        write_folder(path, entries, LIMITS)
    elif path.is_dir():
        raise UserError(f"{path} is a folder; give the model file another name.")
    else:
        write_zip(path, entries)


def load(
    path: str | Path, *, training_state: bool = True
) -> tuple[Header, dict[str, Tensor], dict[str, Any] | None]:
    """Header, weights (on the CPU) and training state (None if there is none or not asked for).

    :class:`UserError` says what is wrong with a file that is missing, damaged, made by a newer
    version, or no model at all.
    """
    path = Path(path)
    wanted = list(LIMITS) if training_state else [HEADER, WEIGHTS]
    entries = read_entries(path, wanted, LIMITS)
    header = _header(path, entries)
    if WEIGHTS not in entries:
        raise UserError(f"{path} holds no {WEIGHTS}: it is no complete model file.")
    weights = _unpack(path, WEIGHTS, entries.pop(WEIGHTS))
    return header, weights, _state(path, entries) if training_state else None


def _header(path: Path, entries: dict[str, bytes]) -> Header:
    if HEADER not in entries:
        raise UserError(f"{path} holds no {HEADER}: it is not a model file.")
    return parse_header(entries[HEADER], f"{path}: {HEADER}")


def _state(path: Path, entries: dict[str, bytes]) -> dict[str, Any] | None:
    from napari_unet.model.tree import unflatten

    if STATE not in entries and STATE_JSON not in entries:
        return None
    if STATE not in entries or STATE_JSON not in entries:
        raise UserError(f"{path}: one half of the training state is missing.")
    tensors = _unpack(path, STATE, entries[STATE])
    try:
        state = unflatten(json.loads(entries[STATE_JSON]), tensors)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path}: {STATE_JSON} is damaged.") from None
    if not isinstance(state, dict):
        raise UserError(f"{path}: {STATE_JSON} is damaged.")
    return state


def _pack(tensors: dict[str, Tensor]) -> bytes:
    """Safetensors bytes. Each tensor is written whole and row-major, whatever memory it shares."""
    import safetensors.torch
    import torch

    seen: set[int] = set()
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        if plain.untyped_storage().data_ptr() in seen:
            plain = plain.clone(memory_format=torch.contiguous_format)
        seen.add(plain.untyped_storage().data_ptr())
        packed[name] = plain
    result: bytes = safetensors.torch.save(packed)
    return result


def _unpack(path: Path, name: str, content: bytes) -> dict[str, Tensor]:
    """Tensors of a safetensors entry; the library checks its declared sizes against its length."""
    import safetensors
    import safetensors.torch

    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(content)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{path}: {name} is damaged ({error}).") from None
    return tensors
