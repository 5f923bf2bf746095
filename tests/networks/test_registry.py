"""The table of networks: arguments, errors, facts, and that it needs no torch."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_unet.errors import UserError
from napari_unet.networks import registry

ROOT = Path(__file__).resolve().parents[2]
# Those of other packages (MONAI, where it is installed) have no figures.
BUILT_IN_FACTS = [row for row in registry.facts() if row["parameters"] is not None]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_network_facts", ROOT / "scripts" / "make_network_facts.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_facts_are_current(script: ModuleType) -> None:
    """If this fails run scripts/make_network_facts.py."""
    assert json.loads(script.FILE.read_text("utf-8")) == script.table()


@pytest.mark.parametrize("row", BUILT_IN_FACTS, ids=lambda row: row["name"])
def test_multiply_adds_agree_with_the_flop_counter_of_torch(row: dict) -> None:
    at = row["at"]
    with torch.device("meta"):
        network = registry.build(
            row["name"],
            dims=len(at["size"]),
            in_channels=at["channels"],
            out_channels=at["classes"],
            arguments=registry.spec(row["name"]).facts_at.arguments,
        ).eval()
        x = torch.empty(1, at["channels"], *at["size"])
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(x)
    assert counter.get_total_flops() == 2 * row["macs"]


def test_facts_of_unet_are_those_of_the_paper() -> None:
    (row,) = registry.facts("unet")
    assert row["parameters"] == 31_030_658
    assert round(row["macs"] / 1e9, 1) == 150.4
    assert row["stride"] == [16, 16]
    assert row["tile_exact"] is True
    assert {"channels": 1, "classes": 2, "size": [572, 572], "width": 64}.items() <= row[
        "at"
    ].items()
    assert row["sizes"] == {"input": [188, 188], "output": [4, 4], "step": [16, 16]}
    assert [r["name"] for r in registry.facts()] == registry.names()


def test_networks_of_others_are_described_without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    volumes = dataclasses.replace(registry.spec("unet"), name="other", dims=(3,))
    known = {"unet": registry.spec("unet"), "other": volumes}
    monkeypatch.setattr(registry, "_networks", lambda: known)
    unet, other = registry.facts()
    assert unet.keys() == other.keys()
    assert other["parameters"] is other["macs"] is other["step_memory"] is None
    assert other["stride"] == [16, 16, 16]
    assert other["at"]["size"] is None


def test_facts_belong_to_the_caller() -> None:
    registry.facts()[0]["name"] = "other"
    assert registry.facts()[0]["name"] == "unet"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widht": 3}, "no argument 'widht'; it has width, depth, padding, norm, dropout"),
        ({"depth": 0}, "'depth' of network 'unet' cannot be 0"),
        ({"padding": "reflect"}, "'padding' of network 'unet' cannot be 'reflect'"),
        ({"width": "many"}, "'width' of network 'unet' cannot be 'many'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict, message: str) -> None:
    for call in (
        lambda: registry.geometry("unet", arguments),
        lambda: registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=arguments),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_arguments_that_do_not_fit_together() -> None:
    with pytest.raises(UserError) as caught:
        registry.geometry("transunet", {"dim": 10, "heads": 3})
    assert str(caught.value) == (
        "The arguments of network 'transunet' do not fit: dim (10) must be a multiple of heads (3)."
    )


def test_unknown_network_and_dimensions() -> None:
    with pytest.raises(UserError, match="no network 'vnet'; choose one of unet, "):
        registry.spec("vnet")
    with pytest.raises(UserError, match="choose one of unet, "):
        registry.facts("vnet")
    with pytest.raises(UserError, match="2D and 3D, not in 4D"):
        registry.geometry("unet", {}, 4)
    with pytest.raises(UserError, match="in_channels is 0"):
        registry.build("unet", dims=2, in_channels=0, out_channels=2, arguments={})


def test_registry_is_free_of_torch() -> None:
    code = (
        "import sys; from napari_unet.networks import registry as r; r.facts(); "
        "r.geometry('unet', {}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
