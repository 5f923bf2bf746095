"""Pictures of what was measured."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def plots(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/plots.py, which is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    yield importlib.import_module("plots")
    sys.modules.pop("plots", None)


@pytest.mark.parametrize(("draw", "name"), [("steps", "micro"), ("large", "large")])
def test_the_results_can_be_drawn(plots: ModuleType, draw: str, name: str) -> None:
    results = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    with Image.open(ROOT / "docs" / "images" / f"{name}.png") as kept:
        assert getattr(plots, draw)(results).size == kept.size


def test_a_part_that_was_not_measured_is_left_out(plots: ModuleType) -> None:
    results = json.loads((RESULTS / "micro.json").read_text("utf-8"))
    del results["large_plane"]
    without = plots.steps(results).height
    results["large_plane"] = {"ours": {"seconds": 1.0}, "sliding window, BasicUNet": {"seconds": 2}}
    assert without < plots.steps(results).height
