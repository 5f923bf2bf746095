"""The first look at a pyramid: a piece of a coarser level, as an image of its own."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from napari_unet.engine.protocol import JobFailed
from napari_unet.plugin import screen_first
from napari_unet.plugin.visible import View


def pyramid(session: Any) -> Any:
    pixels = np.zeros((128, 160), np.uint8)
    layer = session.viewer.add_image([pixels, pixels[::2, ::2]], multiscale=True, name="slide")
    return session.use_image(layer)


def coarse() -> View:
    return View(index=(), level=1, coarser=1, box=((0, 64), (0, 80)), factor=(2.0, 2.0))


def test_the_piece_does_not_call_those_who_wait_for_the_image(session: Any) -> None:
    entry = pyramid(session)
    entry.waiting.append(lambda: None)
    piece, _ = screen_first._piece(session, entry, coarse(), "piece")
    assert piece.waiting == []
    assert len(entry.waiting) == 1


def test_what_is_refused_names_the_image_and_leaves_no_file(
    session: Any, told: list[tuple[str, str]]
) -> None:
    entry = pyramid(session)
    session.has_model = True
    session.open_in_engine(entry)
    screen_first._ask(session, entry, coarse(), False)
    end = time.monotonic() + 10
    while not session.engine.of("predict") and time.monotonic() < end:
        session.tick()  # the piece is read in a thread
        time.sleep(0.01)
    [command] = session.engine.of("predict")
    message = f"slide [{command.image}] has 1 channels, the model was trained on 3."
    session.engine.events.append(JobFailed(job=command.job, message=message))
    session.tick()
    assert told[-1] == ("info", "slide has 1 channels, the model was trained on 3.")
    piece = next(c for c in session.engine.of("open_image") if c.id == command.image)
    assert piece.array.path not in session.engine.arrays
    assert command.outputs["classes"].path not in session.engine.arrays
