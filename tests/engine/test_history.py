"""Models along training are kept, thinned, predict as they did, and can be gone back to."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.engine.history import snapshots, thin
from napari_unet.engine.inspecting import KeepHistory, PredictThen
from napari_unet.engine.protocol import LoadModel, Predict


def test_what_is_left_is_spread_over_the_logarithm() -> None:
    paths: list[Path] = []
    for number in range(1, 400):
        paths.append(Path(f"{number:06d}-step-{number:07d}.unet"))
        gone = thin(paths, 12)
        paths = [p for p in paths if p not in gone]
    numbers = [int(p.name[:6]) for p in paths]
    assert len(numbers) == 12
    assert numbers[0] == 1
    assert numbers[-1] == 399
    gaps = np.diff([math.log(n) for n in numbers])
    assert gaps.max() < 1.6


def test_then_and_now(engine: Any, tmp_path: Path) -> None:
    image, mask = engine.disks()
    id = engine.open(image)
    engine.label(id, engine.strokes(mask))
    folder = tmp_path / "history"
    engine.send(KeepHistory(folder=str(folder)))
    engine.start(steps=240, precision="float32")
    engine.wait("training_finished")
    last = engine.wait("snapshot", lambda event: event.step == 240)
    kept = engine.of("snapshot")
    assert [Path(one.path) for one in kept] == snapshots(folder)
    assert len(kept) >= 2
    assert kept[0].step < 240
    box = ((0, 96), (0, 96))
    refs = [engine.client.allocate((2, 96, 96), np.float32) for _ in range(3)]
    for number, one in enumerate((kept[0], last)):
        engine.send(
            PredictThen(
                job=f"t{number}", path=one.path, image=id, index=(), box=box, array=refs[number][0]
            )
        )
        engine.wait("job_finished")
    engine.send(Predict(job="p", image=id, outputs={"probability": refs[2][0]}))
    engine.wait("job_finished")
    then, now, truth = (np.array(array) for _, array in refs)
    np.testing.assert_allclose(now, truth, atol=1e-4)
    assert np.abs(then - now).max() > 0.01
    # Roll back, and the newest model is that of then; training goes on at its step.
    engine.send(LoadModel(job="l", path=kept[0].path))
    engine.wait("job_finished")
    engine.send(Predict(job="q", image=id, outputs={"probability": refs[2][0]}))
    engine.wait("job_finished")
    np.testing.assert_allclose(np.array(refs[2][1]), then, atol=1e-4)
    engine.start(resume=True, steps=kept[0].step + 2)
    assert engine.wait("training_started").step == kept[0].step
    engine.wait("training_finished")
    engine.wait("snapshot", lambda event: event.step == kept[0].step + 2)
    # How many were kept in between is a matter of time.
    there = snapshots(folder)
    assert len(there) > len(kept)
    # Another engine finds them all.
    engine.send(KeepHistory(folder=str(folder)))
    told = [engine.wait("snapshot").path for _ in there]
    assert told == [str(p) for p in there]
    Path(kept[0].path).unlink()
    engine.send(
        PredictThen(job="g", path=kept[0].path, image=id, index=(), box=box, array=refs[0][0])
    )
    assert "no longer kept" in engine.wait("job_failed").message
    engine.send(KeepHistory(folder=None))
