"""The parity certificate in a real engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unet.engine.protocol import Cancel, Verify


def test_a_plane_of_a_stack_is_verified_and_can_be_cancelled(engine: Any) -> None:
    image, mask = engine.disks()
    id = engine.open(np.stack([image, image[::-1]]), "tyx", "film")
    engine.send(Verify(job="none", image=id, index=(0,)))
    assert "no model" in engine.wait("job_failed").message
    labels = np.zeros((2, *mask.shape), np.uint8)
    labels[0] = engine.strokes(mask)
    engine.label(id, labels)
    engine.start(steps=3)
    engine.wait("training_finished")
    engine.send(Verify(job="cancelled", image=id, index=(1,)))
    engine.wait("job_progress", lambda e: e.job == "cancelled" and "command line" in e.text)
    engine.send(Cancel(job="cancelled"))
    assert engine.wait("job_failed").cancelled
    engine.send(Verify(job="v", image=id, index=(1,), tile=48))
    found = engine.wait("job_finished").result
    assert found["passed"], found
    assert found["shape"] == [96, 96]
    assert found["precision"] == "float32"
    assert {"dock = Python", "command line = Python"} < {c["name"] for c in found["checks"]}
