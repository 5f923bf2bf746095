"""Regions that are looked at while training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_training import labelled, make_trainer

from napari_unet.images.image import Box
from napari_unet.training.events import Finished, Preview, Progress


def previews(*boxes: Box, name: str = "image0") -> tuple[list[Preview], Any]:
    """What is answered to requests after the first of two steps, and the last event."""
    trainer = make_trainer(labelled(size=40))
    found: list[Preview] = []
    event: Any = None
    for event in trainer.run(steps=2):
        if isinstance(event, Progress) and event.step == 1:
            for box in boxes:
                trainer.request_preview(name, (), box)
        if isinstance(event, Preview):
            found.append(event)
    return found, event


def test_a_box_is_clipped_to_the_image() -> None:
    [inside, reaching], _ = previews(((0, 30), (10, 40)), ((-10, 30), (10, 90)))
    assert inside.box == reaching.box == ((0, 30), (10, 40))
    np.testing.assert_array_equal(inside.probability, reaching.probability)
    assert inside.probability.shape == (2, 30, 30)


@pytest.mark.parametrize("box", [((100, 120), (100, 120)), ((-20, 0), (0, 9)), ((5, 5), (0, 9))])
def test_a_box_outside_is_not_answered_and_disturbs_nothing(box: Box) -> None:
    found, last = previews(box)
    assert found == []
    assert isinstance(last, Finished)


def test_an_unknown_image_is_not_answered() -> None:
    found, last = previews(((0, 9), (0, 9)), name="gone")
    assert found == []
    assert isinstance(last, Finished)


def test_equal_requests_get_one_answer() -> None:
    found, _ = previews(*[((0, 9), (0, 9))] * 3)
    assert len(found) == 1
