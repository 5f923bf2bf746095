"""What a dry run measures, and that it says what a training would do."""

from __future__ import annotations

import json

import pytest
from small_training import labelled

from napari_unet.core.dry_run import measure
from napari_unet.errors import UserError
from napari_unet.training.learner import Learner

SMALL = {
    "settings": {"tile": 32, "batch": 2},
    "arguments": {"width": 4, "depth": 2},
    "device": "cpu",
    "precision": "float32",
}


def test_a_dry_run_measures_step_memory_and_prediction() -> None:
    states = list(measure(labelled(), steps=2, **SMALL))  # type: ignore[arg-type]
    assert [s.done for s in states] == [1, 2, 3, 4]
    last = states[-1]
    assert last.done == last.total
    assert (last.batch, last.tile) == (2, (32, 32))
    assert last.seconds_per_step > 0
    assert last.available > 2**20
    assert last.megapixel > 0
    assert "2 tile(s) of 32 x 32 pixels" in last.text
    assert "megapixel" in last.text
    assert json.loads(json.dumps(last.to_json()))["batch"] == 2


def test_where_memory_runs_out_it_picks_less(monkeypatch: pytest.MonkeyPatch) -> None:
    learn = Learner.learn

    def short_of_memory(self: Learner, batch: object) -> float:
        if batch.images.shape[0] > 1:  # type: ignore[attr-defined]
            raise MemoryError
        return learn(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "learn", short_of_memory)
    *_, last = measure(labelled(), steps=1, **SMALL)  # type: ignore[arg-type]
    assert last.batch == 1


def test_what_cannot_be_trained_on_is_one_sentence() -> None:
    with pytest.raises(UserError, match="classes"):
        list(measure(labelled(kind="classes"), classes=1, **SMALL))  # type: ignore[arg-type]
