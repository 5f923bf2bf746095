"""What each network costs here: measured once, remembered, told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_unet.core.dry_run import DryRun
from napari_unet.engine import idling, network_figures
from napari_unet.engine.network_figures import measure_networks
from napari_unet.engine.protocol import Event, NetworkMeasured
from napari_unet.errors import UserError
from napari_unet.networks import registry

CPU = torch.device("cpu")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine's figures are remembered."""
    path = tmp_path / "speed.json"
    monkeypatch.setenv("NAPARI_UNET_SPEED", str(path))
    monkeypatch.setattr(registry, "names", lambda: ["unet3d", "lunet", "ulite"])
    return path


def test_measured_once_and_told_each_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "names", lambda: ["unet3d", "lunet"])
    monkeypatch.setattr(network_figures, "SIDE", 64)
    told: list[Event] = []
    pieces = len(list(measure_networks(CPU, told.append)))
    assert pieces == network_figures.STEPS + 2  # a first step, the others, a prediction
    found = [(one.network, one.recipe, one.parameters) for one in told]
    assert found == [("lunet", "live", 53586)]
    assert all(0 < one.step < 60 and 0 < one.image < 60 for one in told)
    monkeypatch.setattr(network_figures, "measure", None)
    again: list[Event] = []
    assert list(measure_networks(CPU, again.append)) == []
    assert again == told


def test_a_network_that_fails_again_and_again_is_left_out_for_good(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []

    def fails(*_: object, network: str, **__: object) -> None:
        tried.append(network)
        raise UserError("That package is broken.")

    monkeypatch.setattr(network_figures, "measure", fails)
    for _ in range(network_figures.TRIES + 1):
        assert list(measure_networks(CPU, lambda event: pytest.fail(str(event)))) == []
    assert tried == ["lunet", "ulite"] * network_figures.TRIES
    assert "That package is broken." in capsys.readouterr().out


def test_a_network_that_takes_the_engine_down_is_given_up(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def dies(*_: object, network: str, **__: object) -> None:
        tried.append(network)
        raise SystemExit

    monkeypatch.setattr(network_figures, "measure", dies)
    for _ in range(network_figures.TRIES):
        with pytest.raises(SystemExit):
            list(measure_networks(CPU, lambda event: pytest.fail(str(event))))
    assert tried == ["lunet"] * network_figures.TRIES
    with pytest.raises(SystemExit):
        list(measure_networks(CPU, lambda event: pytest.fail(str(event))))
    assert tried[-1] == "ulite"


def test_half_a_step_is_not_told_as_a_whole_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory was short, batch and tile were halved."""
    halved = DryRun(4, 4, "lunet", 9, "cpu", "float32", 1, (192, 192), 0.1)
    monkeypatch.setattr(network_figures, "measure", lambda *_, **__: iter([halved]))
    list(measure_networks(CPU, lambda event: pytest.fail(str(event))))


def test_what_the_file_holds_is_not_trusted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_figures.memory, "recall", lambda key: {"parameters": None})
    assert list(measure_networks(CPU, lambda event: pytest.fail(str(event)))) == []


def test_nothing_where_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_UNET_SPEED", "off")
    assert list(measure_networks(CPU, lambda event: pytest.fail(str(event)))) == []


def test_the_idle_engine_tells_them(monkeypatch: pytest.MonkeyPatch) -> None:
    event = NetworkMeasured(network="unet", recipe="live", parameters=9, step=0.1, image=0.1)
    monkeypatch.setattr("napari_unet.speed.live.measure_live", lambda *_: iter(()))
    monkeypatch.setattr(
        network_figures, "measure_networks", lambda device, tell: iter([tell(event)])
    )
    told: list[Event] = []
    list(idling.measure(told.append))
    assert told == [event]
