"""The scripts behind docs/papers.md, on arrays of a few pixels."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.model.model import load
from napari_unet.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[2]
OURS = ("common", "common_papers", "long_run", "curves", "tables", "sets", "ctc_u373")
Import = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    """Imports a script of benchmarks/papers, and forgets it afterwards."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks" / "papers"), *sys.path])
    yield importlib.import_module
    for name in OURS:
        sys.modules.pop(name, None)


class TestLongRun:
    @pytest.fixture(autouse=True)
    def slow_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every step takes 16 seconds more, so that a checkpoint follows each."""
        real = Trainer._step

        def step(trainer: Trainer) -> float:
            trainer.seconds += 16
            return real(trainer)

        monkeypatch.setattr(Trainer, "_step", step)

    def trained(self, script: Import, folder: Path, tell: Any = print, **length: Any) -> Any:
        rng = np.random.default_rng(0)
        image = rng.normal(size=(48, 48)).astype(np.float32)
        image[10:30, 10:30] += 3
        labels = np.zeros((48, 48), np.uint8)
        labels[10:30, 10:30] = 1
        return script("long_run").train_with_marks(
            folder, [image], [labels], tell=tell, **length,
            kind="classes", validation="none", start="random", tile=32, batch=1,
            arguments={"width": 4, "depth": 2}, precision="float32",
        )  # fmt: skip

    def test_a_killed_training_ends_as_an_unbroken_one(
        self, script: Import, tmp_path: Path
    ) -> None:
        class KilledError(Exception):
            pass

        def kill(text: str) -> None:
            if "step 3" in text:
                raise KilledError

        length = {"marks": [3, 6], "steps": 6, "budget": None}
        whole = self.trained(script, tmp_path / "whole", **length)
        with pytest.raises(KilledError):
            self.trained(script, tmp_path / "broken", kill, **length)
        told: list[str] = []
        broken = self.trained(script, tmp_path / "broken", told.append, **length)
        assert "goes on at step 2" in told[0]
        assert [m.step for m in broken] == [m.step for m in whole] == [3, 6]
        for one, other in zip(broken, whole, strict=True):
            a, b = (load(m.model).network.state_dict() for m in (one, other))
            assert all(torch.equal(a[k], b[k]) for k in a)
        assert not (tmp_path / "broken" / "training.unet").exists()

    def test_seconds_before_a_kill_count(self, script: Import, tmp_path: Path) -> None:
        def kill(text: str) -> None:
            raise RuntimeError("killed")

        length = {"marks": [40, 100], "steps": None, "budget": 100.0}
        with pytest.raises(RuntimeError, match="killed"):
            self.trained(script, tmp_path, kill, **length)
        first, last = self.trained(script, tmp_path, **length)
        assert 40 <= first.seconds < 60
        assert 80 <= last.seconds < 120

    def test_another_training_in_the_folder_is_refused(
        self, script: Import, tmp_path: Path
    ) -> None:
        from napari_unet.errors import UserError

        self.trained(script, tmp_path, marks=[1], steps=1, budget=None)
        with pytest.raises(UserError, match="another training"):
            self.trained(script, tmp_path, marks=[2], steps=2, budget=None)


def test_marks(script: Import) -> None:
    marks = script("long_run").marks_within
    assert marks([60, 120, 1800], 100) == [60, 100]
    assert marks([0.4, 0.8, 3], 12) == [1, 3, 12]


def test_false_cells_in_the_margin_are_forgiven(script: Import) -> None:
    matching = script("ctc_u373").matching
    truth = np.zeros((200, 200), np.int32)
    truth[80:110, 80:110] = 5
    found = truth.copy()
    found[10:30, 60:80] = 7  # in the margin
    found[120:140, 60:80] = 8  # not
    found[40:52, 120:140] = 9  # mostly
    result = matching(found, truth)
    assert (result.tp, result.fp, result.fn) == (1, 1, 0)


class TestTables:
    def test_parts_are_replaced_and_nothing_else(self, script: Import) -> None:
        filled = script("tables").filled
        page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
        new = filled(page, {"x": r"n\1w"})
        assert new == "a\n<!-- x -->\nn\\1w\n<!-- /x -->\nb\n"
        assert filled(new, {"x": r"n\1w"}) == new

    def test_the_page_is_what_the_results_say(self, script: Import) -> None:
        tables = script("tables")
        page = tables.PAGE.read_text("utf-8")
        assert tables.filled(page, tables.tables(tables.RESULTS)) == page

    @pytest.mark.parametrize(
        ("better", "raw", "words"),
        [
            (0, 1, "holds. "),
            (1, 3, "holds with Holm's correction, not without"),
            (4, 5, "does not hold"),
        ],
    )
    def test_the_answer(self, script: Import, better: int, raw: int, words: str) -> None:
        assert words in script("tables").answer(better, raw, 10, [])
