"""The newest model made smaller in a real engine process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari_unet as nu
from napari_unet.engine.protocol import LoadModel, PruneModel


def train(engine: Any, **fields: Any) -> None:
    image, mask = engine.disks()
    engine.label(engine.open(image), engine.strokes(mask))
    engine.start(steps=10, **fields)
    engine.wait("training_finished")


def test_a_smaller_copy_in_a_file(engine: Any, tmp_path: Path) -> None:
    train(engine)
    path = tmp_path / "small.unet"
    engine.send(PruneModel(job="p", path=str(path), to="40%", rounds=2, budget=1.0))
    done = engine.wait("job_finished")
    curve = done.result["curve"]
    assert [point["round"] for point in curve] == [0, 1, 2]
    assert curve[2]["parameters"] <= 0.4 * curve[0]["parameters"]
    assert "parameters are left" in done.result["text"]
    progress = [(p.done, p.total) for p in engine.of("job_progress")]
    assert progress == sorted(progress)
    assert progress[-1] == (2, 2)
    small = nu.load(path)
    assert sum(p.numel() for p in small.network.parameters()) == curve[2]["parameters"]
    engine.send(LoadModel(job="l", path=str(path)))
    header = engine.wait("job_finished").result["header"]
    assert header["arguments"]["widths"] == curve[2]["widths"]


def test_what_cannot_be_made_smaller_is_one_sentence(engine: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "small.unet")
    engine.send(PruneModel(job="p", path=path))
    assert "There is no model yet" in engine.wait("job_failed").message
    train(engine)
    engine.send(PruneModel(job="p", path=path, to="0.1%", budget=1.0))
    assert "With one channel left in each layer" in engine.wait("job_failed").message
    assert not Path(path).exists()


def test_a_network_that_cannot_be_pruned(engine: Any, tmp_path: Path) -> None:
    train(engine, network="ulite", arguments={"width": 4})
    engine.send(PruneModel(job="p", path=str(tmp_path / "small.unet")))
    assert "'ulite' cannot be pruned" in engine.wait("job_failed").message
