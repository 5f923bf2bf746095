"""What the scripts of this folder share: options of a recipe, splits, records of results."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import ROOT, about_machine, data, read

from napari_unet import __version__
from napari_unet.core import parse_seconds
from napari_unet.locks import take
from napari_unet.project.files import read_json, write_json

__all__ = [
    "Records", "data", "key_of", "length_of", "lowest", "numbers", "read", "recipe_of",
    "recipe_options", "rounded", "run_options",
]  # fmt: skip

RESULTS = ROOT / "benchmarks" / "results" / "papers"
WORK = ROOT / "build" / "papers"
"""Models and half-done trainings; not part of the repository."""


def run_options(parser: argparse.ArgumentParser, *, budget: str) -> None:
    """Options that say how long to train, on what, and where things are kept."""
    parser.add_argument("--budget", default=budget, help="seconds of training, as 60s or 30m")
    parser.add_argument("--steps", type=int, help="number of steps instead of a budget")
    parser.add_argument("--preset", default="live")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--work", type=Path, default=WORK, help="where models are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where results are written")


def recipe_options(parser: argparse.ArgumentParser) -> None:
    """Options that change the recipe of the preset."""
    parser.add_argument("--network", help="default: that of the preset")
    parser.add_argument("--width", type=int)
    parser.add_argument("--depth", type=int)
    parser.add_argument("--start", default="random", help="random, general or a model file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a field of the preset: tile, batch, learning_rate, hold, averaging, rotation, w0...",
    )


def recipe_of(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of :func:`napari_unet.core.prepare` for the options."""
    recipe: dict[str, Any] = {
        "preset": options.preset,
        "start": options.start,
        "seed": options.seed,
        "device": options.device,
        "precision": options.precision,
        "validation": "none",
    }
    if options.network:
        recipe["network"] = options.network
    chosen = {"width": options.width, "depth": options.depth}
    if arguments := {k: v for k, v in chosen.items() if v is not None}:
        recipe["arguments"] = arguments
    for one in options.set:
        name, _, value = one.partition("=")
        try:
            recipe[name] = json.loads(value)
        except ValueError:
            recipe[name] = value
    return recipe


def length_of(options: argparse.Namespace) -> tuple[int | None, float | None]:
    """Steps or seconds, the other None."""
    return (options.steps, None) if options.steps else (None, parse_seconds(options.budget))


def numbers(text: str) -> list[int]:
    """``0-14`` or ``0,3,6-8``; nothing for an empty text."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def key_of(what: dict[str, Any]) -> str:
    """A short name for a folder, the same for the same settings."""
    text = json.dumps(what, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def origin() -> dict[str, Any]:
    """Date, machine and version, for every record."""
    return {"version": __version__, "machine": about_machine()}


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in here with the same file, which is empty and stays."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        while not take(handle):
            time.sleep(0.1)
        yield
    finally:
        os.close(handle)


class Records:
    """Results in one JSON file, each with the settings (``key``) that it belongs to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.all: list[dict[str, Any]] = read_json(path) if path.exists() else []

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """The record of these settings."""
        plain = json.loads(json.dumps(key))
        return next((one for one in self.all if one["settings"] == plain), None)

    def add(self, key: dict[str, Any], found: dict[str, Any]) -> None:
        """Write a record, in place of an older one with the same settings.

        Others may write other records into the same file at the same time.
        """
        plain = json.loads(json.dumps(key))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with alone(self.path.with_name(f".{self.path.name}.lock")):
            known = read_json(self.path) if self.path.exists() else []
            self.all = [one for one in known if one["settings"] != plain]
            self.all.append({"settings": plain} | found | origin())
            write_json(self.path, json.dumps(self.all, indent=1) + "\n")


def rounded(value: Any, digits: int = 5) -> Any:
    """Floats of nested lists and dictionaries, rounded; nan becomes None."""
    if isinstance(value, float):
        return round(value, digits) if value == value else None
    if isinstance(value, dict):
        return {k: rounded(v, digits) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v, digits) for v in value]
    return value


def lowest(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(threshold, error) with the lowest error; of equals the first."""
    return min(values, key=lambda pair: pair[1])
