"""Trials in a process of their own: what is measured, and what goes wrong."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from napari_unet.advice import trial
from napari_unet.advice.dry_run import dry_run
from napari_unet.advice.trial import Candidate, try_out
from napari_unet.errors import UserError

SMALL = Candidate(
    network="unet",
    arguments={"width": 2, "depth": 2, "padding": "same", "norm": "batch", "dropout": 0.0},
    tile=32,
    batch=1,
    sigma=5.0,
    channels=2,
    classes=3,
    size=(48, 64),
    device="cpu",
    precision="float32",
)


def test_a_trial_measures_time_and_memory() -> None:
    found = try_out(SMALL)
    assert found.failed == ""
    assert found.measured is not None
    assert 0 < found.measured.step_seconds < 60
    assert 0 < found.measured.image_seconds < 60
    assert 10**8 < found.measured.memory < 10**10
    assert found.measured.device == "cpu"


def test_a_network_that_cannot_be_built() -> None:
    found = try_out(SMALL.model_copy(update={"arguments": {"nonsense": 1}}))
    assert found.measured is None
    assert "has no argument 'nonsense'" in found.failed


def test_large_images_are_extrapolated(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    from napari_unet.advice import dry_run as module

    noise = module.noise
    monkeypatch.setattr(module, "LARGEST", 32)
    monkeypatch.setattr(module, "noise", lambda s, *a: seen.append(s) or noise(s, *a))
    assert dry_run(SMALL).image_seconds > 0
    assert seen == [(32, 32)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), 9)", "ended by the system"),
        ("import time; time.sleep(60)", "took more than 1 s"),
        ("print('no numbers')", "without a word"),
        ("raise SystemExit('It broke.')", "It broke."),
    ],
)
def test_what_a_process_may_do(code: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trial.subprocess.run
    monkeypatch.setattr(
        trial.subprocess, "run", lambda command, **k: run([sys.executable, "-c", code], **k)
    )
    assert words in try_out(SMALL, patience=1).failed


def test_no_such_device() -> None:
    with pytest.raises(UserError, match="no device"):
        dry_run(SMALL.model_copy(update={"device": "abacus"}))
