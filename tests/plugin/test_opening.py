"""Layers whose pixels are replaced, and layers that go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from waiting import ticks

from napari_unet.plugin import leftovers, opening, predicting


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What is being read: each is there once it is called."""
    found: list[Callable[[], None]] = []

    def send_image(engine: Any, entry: Any, done: Callable[[Any, str], None]) -> None:
        entry.ref, array = engine.allocate(entry.image.data.shape, entry.image.data.dtype)
        array[...] = entry.image.data
        found.append(lambda: done(entry, ""))

    monkeypatch.setattr(opening, "send_image", send_image)
    return found


def test_a_prediction_waits_for_the_new_pixels(
    session: Any, entry: Any, image: Any, reading: list[Callable[[], None]]
) -> None:
    session.has_model = True
    session.open_in_engine(entry)
    reading.pop()()
    assert entry.ready
    entry.layer.data = image + 1
    assert not entry.ready
    entry.layer.data = image + 2
    predicting.predict_image(session, entry)
    earlier, latest = reading
    earlier()
    assert not entry.ready
    assert not session.engine.of("predict")
    latest()
    assert session.engine.of("predict")
    kept = session.engine.arrays[session.engine.of("open_image")[-1].array.path]
    np.testing.assert_array_equal(kept, image + 2)


def test_what_was_predicted_of_other_pixels_is_forgotten(
    session: Any, entry: Any, image: Any
) -> None:
    rows = np.arange(4)
    session.correcting.predicted(entry, (), ((0, 64), (0, 80)), np.ones((64, 80), np.uint8))
    assert session.correcting.known(entry, (), rows, rows).all()
    entry.layer.data = image + 1
    assert not session.correcting.known(entry, (), rows, rows).any()


@pytest.mark.parametrize("removed", [False, True])
def test_files_of_earlier_pixels_go_when_the_engine_knows(
    session: Any, entry: Any, image: Any, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    monkeypatch.setattr(leftovers, "REST", 0.2)
    session.open_in_engine(entry)
    path = entry.ref.path
    if removed:
        session.viewer.layers.remove(entry.layer)
    else:
        entry.layer.data = image + 1
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        session.tick()
    assert path in session.engine.arrays  # it may still be starting and come to the file later
    session.engine_was_ready = True
    ticks(session, lambda: path not in session.engine.arrays)
    assert len(session.engine.arrays) == (0 if removed else 1)


def test_a_job_for_a_layer_that_goes_is_dropped(
    session: Any, entry: Any, reading: list[Callable[[], None]]
) -> None:
    session.has_model = True
    predicting.predict_image(session, entry)
    session.viewer.layers.remove(entry.layer)
    reading.pop()()
    ticks(session, lambda: not session.jobs)
    assert not session.engine.of("predict")
    assert not session.engine.of("open_image")
