"""Steps for which there may be too little memory."""

from __future__ import annotations

import pytest
import torch

from napari_unet.training.memory import within_memory


def test_what_a_step_gives_is_passed_on() -> None:
    assert within_memory(lambda: 0.5) == (0.5, "")


def test_too_little_memory_is_no_error_and_keeps_its_traceback() -> None:
    def step() -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    value, fault = within_memory(step)
    assert value is None
    assert "CUDA out of memory" in fault


def test_other_errors_are_raised() -> None:
    def step() -> float:
        raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        within_memory(step)
