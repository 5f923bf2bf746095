"""What was measured is kept in a small file that nothing depends on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_unet.speed import memory


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "deep" / "speed.json"
    monkeypatch.setenv(memory.VARIABLE, str(path))
    return path


def test_what_was_remembered_is_recalled(file: Path) -> None:
    assert memory.recall("a") is None
    memory.remember("a", {"way": 1})
    memory.remember("b", {"way": 2})
    memory.remember("a", {"way": 3})
    assert memory.recall("a") == {"way": 3}
    assert memory.recall("b") == {"way": 2}
    assert [p.name for p in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not JSON",
        "[]",
        '{"version": 1, "entries": {"a": {}}}',
        f'{{"version": {memory.VERSION}, "entries": []}}',
        f'{{"version": {memory.VERSION}, "entries": {{"a": 5}}}}',
        "[" * 100_000,
        f'{{"version": {memory.VERSION}, "entries": {{"a": {{"x": "{"y" * memory.LARGEST}"}}}}}}',
    ],
)
def test_damaged_and_foreign_files_are_nothing(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)
    assert memory.recall("a") is None
    memory.remember("b", {"way": 1})
    assert memory.recall("b") == {"way": 1}


def test_bytes_that_are_no_text_are_nothing(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe\x00")
    assert memory.recall("a") is None


def test_it_stays_small(file: Path) -> None:
    for number in range(memory.KEPT + 5):
        memory.remember(str(number), {"n": number})
    assert len(json.loads(file.read_text())["entries"]) == memory.KEPT
    assert memory.recall("4") is None
    assert memory.recall("5") == {"n": 5}


def test_what_cannot_be_written_is_known_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv(memory.VARIABLE, str(in_the_way / "speed.json"))
    memory.remember("a", {"way": 1})
    memory.remember("b", {"way": 2})
    assert memory.recall("a") == {"way": 1}
    in_the_way.unlink()
    memory.remember("b", {"way": 3})
    entries = json.loads((in_the_way / "speed.json").read_text())["entries"]
    assert entries == {"a": {"way": 1}, "b": {"way": 3}}
    (in_the_way / "speed.json").unlink()
    assert memory.recall("a") is None


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.remember("a", {"way": 1})
    monkeypatch.setenv(memory.VARIABLE, "off")
    assert memory.switched_off()
    assert memory.recall("a") is None
    monkeypatch.delenv(memory.VARIABLE)
    assert memory.path().name == "speed.json"
