"""Which way a network is run: what was measured here, else the rule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import cache
from typing import Any

import torch

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.prediction.device import choose_device, device_name
from napari_unet.prediction.way import Way, default_way
from napari_unet.speed import memory


@cache
def threads() -> int:
    """torch's threads when first asked, before the engine adapts them to what others use."""
    return torch.get_num_threads()


@contextmanager
def all_threads() -> Iterator[None]:
    """Measure inside, with as many threads as :func:`machine` says: the engine may have taken fewer
    meanwhile. Afterwards there are as many as before.
    """
    before = torch.get_num_threads()
    _take(threads())
    try:
        yield
    finally:
        _take(before)


def _take(number: int) -> None:
    if number != torch.get_num_threads():  # torch forgets what it prepared even if it is the same
        torch.set_num_threads(number)


@cache
def machine(device: torch.device) -> str:
    """What a timing depends on, apart from the network."""
    parts = [device.type, device_name(device), f"torch {torch.__version__}"]
    if device.type == "cpu":
        parts += [torch.backends.cpu.get_cpu_capability(), f"{threads()} threads"]
    return ", ".join(parts)


def key(
    task: str, network: str, arguments: Mapping[str, Any], *, dims: int, device: torch.device
) -> str:
    """Name of what was measured; ``task`` is "prediction" or "training"."""
    checked = registry.check_arguments(network, arguments, dims).model_dump(mode="json")
    checked.pop("dropout", None)
    digest = hashlib.sha256(json.dumps(checked, sort_keys=True).encode()).hexdigest()[:12]
    return f"{task} | {network} {dims}D {digest} | {machine(device)}"


def remembered(
    task: str, network: str, arguments: Mapping[str, Any], *, dims: int, device: torch.device
) -> Way | None:
    """The way that was measured to be fastest; None where nothing fitting was."""
    entry = memory.recall(key(task, network, arguments, dims=dims, device=device))
    if entry is None:
        return None
    try:
        found = {one.name: entry["way"][one.name] for one in fields(Way)}
        if any(type(v) is not (str if n == "precision" else bool) for n, v in found.items()):
            return None
        way = Way(**found)
        default_way(device, dims=dims, training=False, precision=way.precision)
    except (KeyError, TypeError, UserError):
        return None
    return way


def tried(
    task: str, network: str, arguments: Mapping[str, Any], *, dims: int, device: torch.device
) -> bool:
    """Whether it was measured already, even if the time did not do for an answer."""
    return memory.recall(key(task, network, arguments, dims=dims, device=device)) is not None


def remember(
    task: str,
    network: str,
    arguments: Mapping[str, Any],
    *,
    dims: int,
    device: torch.device,
    way: Way | None,
    measured: Mapping[str, Any],
) -> None:
    """Keep a choice, with what it rests on for whoever opens the file; None: it took too long."""
    entry = {"way": None if way is None else asdict(way), "measured": dict(measured)}
    memory.remember(key(task, network, arguments, dims=dims, device=device), entry)


def way_for_prediction(
    network: str,
    arguments: Mapping[str, Any],
    *,
    dims: int,
    device: torch.device,
    precision: str = "auto",
) -> Way:
    """How to predict: as measured, else by the rule; a precision that was chosen is taken.

    Raises
    ------
    UserError
        The precision is unknown or the device cannot compute so.
    """
    return _way("prediction", network, arguments, dims, device, precision)


def way_for_training(
    network: str,
    arguments: Mapping[str, Any],
    *,
    dims: int,
    device: torch.device,
    precision: str = "auto",
) -> Way:
    """How to train: as measured, else by the rule.

    A precision that was chosen means the rule in all else, too: the same seed and number of steps
    then give the same bits, whatever was measured meanwhile. Raises as
    :func:`way_for_prediction`.
    """
    return _way("training", network, arguments, dims, device, precision)


def repeatable(precision: str, device: str, *, dims: int) -> str:
    """The precision for a training of a fixed number of steps, which somebody may want to repeat.

    By the rule and named, so that nothing that was measured meanwhile changes the bits. Raises as
    :func:`way_for_prediction`.
    """
    chosen = choose_device(device)
    return default_way(chosen, dims=dims, training=True, precision=precision).precision


def _way(
    task: str,
    network: str,
    arguments: Mapping[str, Any],
    dims: int,
    device: torch.device,
    precision: str,
) -> Way:
    usual = default_way(device, dims=dims, training=task == "training", precision=precision)
    if precision != "auto":
        return usual
    way = remembered(task, network, arguments, dims=dims, device=device)
    if way is None or (task == "training" and dims == 3 and device.type == "cpu"):
        return usual
    return way
