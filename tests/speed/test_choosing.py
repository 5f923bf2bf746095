"""From what was measured, or the rule, to the way a network is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_unet.errors import UserError
from napari_unet.prediction import device as devices
from napari_unet.prediction.way import Way, default_way
from napari_unet.speed import (
    choosing,
    live,
    memory,
    race,
    repeatable,
    way_for_prediction,
    way_for_training,
)
from napari_unet.speed.race import Patience, finish

CPU = torch.device("cpu")
ARGUMENTS: dict[str, Any] = {"width": 8, "depth": 2, "padding": "same", "norm": "batch"}
WHAT: dict[str, Any] = {"dims": 2, "device": CPU}
ODD = Way("float32", channels_last=False, folded=True)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "speed.json"
    monkeypatch.setenv(memory.VARIABLE, str(path))
    return path


def keep(task: str, way: Way | None = ODD, **more: Any) -> None:
    choosing.remember(task, "unet", ARGUMENTS, **(WHAT | more), way=way, measured={"x": 1})


def test_the_rule_where_nothing_was_measured() -> None:
    assert way_for_prediction("unet", ARGUMENTS, **WHAT) == default_way(CPU, dims=2, training=False)
    assert way_for_prediction("unet", ARGUMENTS, **WHAT).channels_last


def test_what_was_measured_is_used_for_its_task_network_and_size_only() -> None:
    keep("prediction")
    assert way_for_prediction("unet", ARGUMENTS, **WHAT) == ODD
    assert way_for_prediction("unet", ARGUMENTS | {"dropout": 0.0}, **WHAT) == ODD
    assert way_for_prediction("unet", ARGUMENTS | {"width": 9}, **WHAT) != ODD
    assert way_for_prediction("unet", ARGUMENTS, dims=3, device=CPU) != ODD
    assert way_for_training("unet", ARGUMENTS, **WHAT) != ODD


def test_another_machine_or_torch_measures_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("prediction")
    name = choosing.machine(CPU)
    for part in (devices.device_name(CPU), torch.__version__, "threads", "cpu"):
        assert part in name
    choosing.machine.cache_clear()
    monkeypatch.setattr(torch, "__version__", "99.0")
    assert way_for_prediction("unet", ARGUMENTS, **WHAT) != ODD
    choosing.machine.cache_clear()


def test_a_precision_that_was_chosen_is_taken() -> None:
    keep("prediction", Way("bf16", folded=True))
    assert way_for_prediction("unet", ARGUMENTS, **WHAT, precision="float32") == Way("float32")
    with pytest.raises(UserError, match="no precision"):
        way_for_prediction("unet", ARGUMENTS, **WHAT, precision="int8")


def test_volumes_are_trained_in_float32_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: True)
    keep("training", Way("bf16"), dims=3)
    assert way_for_training("unet", ARGUMENTS, dims=3, device=CPU).precision == "float32"
    assert way_for_training("unet", ARGUMENTS, dims=2, device=CPU).precision == "bf16"
    assert way_for_prediction("unet", ARGUMENTS, dims=3, device=CPU).precision == "bf16"
    chosen = way_for_training("unet", ARGUMENTS, dims=3, device=CPU, precision="bf16")
    assert chosen.precision == "bf16"


def test_fixed_steps_follow_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: True)
    assert repeatable("auto", "cpu", dims=2) == "bf16"
    assert repeatable("auto", "cpu", dims=3) == "float32"
    assert repeatable("float32", "cpu", dims=2) == "float32"


@pytest.mark.parametrize(
    "way",
    [
        None,
        5,
        {},
        {"precision": "float32"},
        {
            "precision": "int8",
            **dict.fromkeys(("channels_last", "folded", "fused", "graphs"), True),
        },
        {"precision": 1, **dict.fromkeys(("channels_last", "folded", "fused", "graphs"), True)},
        {"precision": "bf16", **dict.fromkeys(("channels_last", "folded", "fused", "graphs"), 1)},
    ],
)
def test_a_foreign_entry_is_nothing(file: Path, way: Any) -> None:
    keep("prediction")
    content = json.loads(file.read_text())
    [entry] = content["entries"].values()
    entry["way"] = way
    file.write_text(json.dumps(content))
    usual = default_way(CPU, dims=2, training=False)
    assert way_for_prediction("unet", ARGUMENTS, **WHAT) == usual


def test_what_took_too_long_is_not_tried_again() -> None:
    assert not choosing.tried("prediction", "unet", ARGUMENTS, **WHAT)
    keep("prediction", None)
    assert choosing.tried("prediction", "unet", ARGUMENTS, **WHAT)
    assert choosing.remembered("prediction", "unet", ARGUMENTS, **WHAT) is None


def test_the_live_network_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SIDE", 32)
    monkeypatch.setattr(live, "SCENES", 1)
    monkeypatch.setattr(race, "DISTURBED", 0.0)  # other programs are no reason not to decide
    found = finish(live.measure_live(CPU, Patience(60), ("prediction",)))
    assert set(found) == {"prediction"}
    again = live.measure_live(CPU, Patience(60), ("prediction",))
    assert finish(again) == {}
    recipe = live.preset("live")
    way = way_for_prediction(recipe.network, recipe.arguments, **WHAT)
    assert way == found["prediction"].way
    monkeypatch.setenv(memory.VARIABLE, "off")
    assert finish(live.measure_live(CPU, Patience(60))) == {}
