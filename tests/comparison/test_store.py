"""What is finished stays finished; what does not belong together is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_unet.comparison.records import RunResult, Settings
from napari_unet.comparison.store import Store
from napari_unet.errors import UserError

Make = Callable[..., Any]


def test_results_come_back(tmp_path: Path, settings: Make, runs: Make) -> None:
    result: RunResult = runs("unet", [0.5, None, 0.25, 0.1, 0.2, 0.3])[0]
    Store(tmp_path / "out", settings()).write(result)
    store = Store(tmp_path / "out", settings())
    assert store.finished("unet", 1, result.arguments) == result
    assert store.finished("unet", 2, result.arguments) is None


def test_failed_runs_are_tried_again(tmp_path: Path, settings: Make) -> None:
    store = Store(tmp_path, settings())
    store.write(RunResult(network="unet", fold=1, arguments={}, failed="No memory."))
    assert store.finished("unet", 1, {}) is None


def test_leftovers_of_a_killed_run_go(tmp_path: Path, settings: Make) -> None:
    store = Store(tmp_path, settings())
    left = tmp_path / "runs" / "unet.fold-1.json.tmp-0000"
    left.write_text("{half")
    Store(tmp_path, settings())
    assert not left.exists()
    assert store.finished("unet", 1, {}) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"budget": 30.0, "steps": None}, "the budget was not given, now 30"),
        ({"folds": 3}, "the number of folds was 2, now 3"),
        ({"images": {"a": "b"}}, "the images or labels are not the same"),
        ({"seed": 5}, "seed was 0, now 5"),
        ({"recipe": {"name": "paper2015"}}, "the preset is not the same"),
    ],
)
def test_other_settings(
    tmp_path: Path, settings: Make, changed: dict[str, Any], words: str
) -> None:
    Store(tmp_path, settings())
    with pytest.raises(UserError, match=words) as caught:
        Store(tmp_path, settings(**changed))
    assert "give --out another folder" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_arguments_of_a_network(tmp_path: Path, settings: Make, runs: Make) -> None:
    store = Store(tmp_path, settings())
    store.write(runs("unet", [0.5] * 6)[0])
    with pytest.raises(UserError, match="other arguments of the network unet"):
        store.finished("unet", 1, {"width": 99})


def test_damaged_files(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    store = Store(tmp_path, settings())
    path = store.path("unet", 1)
    for text in ("{", "[]", '{"network": "unet", "fold": 1}', '{"network": 3}'):
        path.write_text(text)
        with pytest.raises(UserError, match="damaged"):
            store.finished("unet", 1, {})
    path.write_text(RunResult(network="lunet", fold=1, arguments={}).model_dump_json())
    with pytest.raises(UserError, match="another run"):
        store.finished("unet", 1, {})
    (tmp_path / "comparison.json").write_text("null")
    with pytest.raises(UserError, match="damaged"):
        Store(tmp_path, settings())


def test_folders_that_are_none(tmp_path: Path, settings: Make) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        Store(tmp_path / "file", settings())
    with pytest.raises(UserError, match="holds other files"):
        Store(tmp_path, settings())
