"""The .unet file: whole or not at all, nothing run, every fault a sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.model import container
from napari_unet.model.file import HEADER, LIMITS, STATE, WEIGHTS, load, read_header, save
from napari_unet.model.header import Header, NormalisationConstants, default_classes

WEIGHTS_HERE = {
    "a.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4),
    "a.count": torch.tensor(3),
}
STATE_HERE = {"optimiser": {0: {"mean": torch.ones(5)}}, "random": (torch.arange(3), 0.1)}


@pytest.fixture(scope="module")
def header() -> Header:
    return Header(
        network="unet",
        arguments={"width": 4},
        dims=2,
        in_channels=1,
        classes=default_classes(2),
        label_kind="classes",
        axes="yx",
        normalisation=NormalisationConstants(method="training", low=(0.0,), high=(1.0,)),
    )


def check_whole(path: Path, header: Header) -> None:
    found, weights, state = load(path)
    assert found == header
    assert weights.keys() == WEIGHTS_HERE.keys()
    for name, tensor in WEIGHTS_HERE.items():
        assert torch.equal(weights[name], tensor)
    assert state is not None
    assert torch.equal(state["optimiser"][0]["mean"], torch.ones(5))
    assert state["random"][1] == 0.1


@pytest.mark.parametrize("folder", [False, True])
def test_round_trip(tmp_path: Path, header: Header, folder: bool) -> None:
    path = tmp_path / "new" / "m.unet"
    save(path, header, WEIGHTS_HERE, STATE_HERE, folder=folder)
    assert path.is_dir() == folder
    check_whole(path, header)
    assert read_header(path) == header
    save(path, header, WEIGHTS_HERE)  # the same kind again, and without the state
    assert path.is_dir() == folder
    assert load(path)[2] is None
    assert [p.name for p in path.parent.iterdir()] == ["m.unet"]


def test_the_state_is_read_only_when_asked_for(tmp_path: Path, header: Header) -> None:
    path = tmp_path / "m.unet"
    save(path, header, WEIGHTS_HERE, STATE_HERE)
    assert load(path, training_state=False)[2] is None


def test_the_same_content_makes_the_same_file(tmp_path: Path, header: Header) -> None:
    for name in ("a", "b"):
        save(tmp_path / name, header, WEIGHTS_HERE)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_shared_and_transposed_tensors(tmp_path: Path, header: Header) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    save(tmp_path / "m", header, {"whole": base, "again": base, "turned": base.T, "row": base[1]})
    weights = load(tmp_path / "m")[1]
    assert torch.equal(weights["again"], base)
    assert torch.equal(weights["turned"], base.T)
    assert torch.equal(weights["row"], base[1])


def test_header_without_torch(tmp_path: Path, header: Header) -> None:
    save(tmp_path / "m.unet", header, WEIGHTS_HERE)
    code = (
        "import sys; from napari_unet.model.file import read_header;"
        "print(read_header(sys.argv[1]).network, 'torch' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.unet")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert output.stdout.split() == ["unet", "False"]


# ------------------------------------------------------------------ written whole or not at all


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("place", ["write", "fsync", "rename"])
def test_full_disk_leaves_the_old_file_whole(
    tmp_path: Path, header: Header, monkeypatch: pytest.MonkeyPatch, folder: bool, place: str
) -> None:
    path = tmp_path / "m.unet"
    save(path, header, WEIGHTS_HERE, STATE_HERE, folder=folder)

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if place == "fsync":
            patch.setattr(container.os, "fsync", full)
        elif place == "rename":
            patch.setattr(container.os, "replace", full)
            patch.setattr(Path, "rename", full)
        elif folder:
            patch.setattr(Path, "mkdir", full)
        else:
            patch.setattr(zipfile.ZipFile, "writestr", full)
        with pytest.raises(UserError, match=r"No space left.*untouched"):
            save(path, header, {"other": torch.zeros(9)})
    check_whole(path, header)
    assert [p.name for p in tmp_path.iterdir()] == ["m.unet"]


def test_a_folder_that_cannot_be_swapped_comes_back(
    tmp_path: Path, header: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.unet"
    save(path, header, WEIGHTS_HERE, STATE_HERE, folder=True)
    rename = Path.rename
    calls = []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.EIO, "broken")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", second_fails)
        with pytest.raises(UserError, match="broken"):
            save(path, header, {"other": torch.zeros(9)})
    check_whole(path, header)
    assert [p.name for p in tmp_path.iterdir()] == ["m.unet"]


def test_folders_with_other_files_are_left_alone(tmp_path: Path, header: Header) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.txt"):
        save(tmp_path, header, WEIGHTS_HERE)
    with pytest.raises(UserError, match="is a folder"):
        save(tmp_path, header, WEIGHTS_HERE, folder=False)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# ------------------------------------------------------------------ what is not a model


def zip_with(path: Path, entries: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(path)
    return str(caught.value)


def test_what_is_no_model(tmp_path: Path, header: Header) -> None:
    text = tmp_path / "text.unet"
    text.write_text("hello")
    assert "is not a model file" in refused(text)
    assert "There is no model file" in refused(tmp_path / "missing.unet")
    assert f"no {HEADER}" in refused(tmp_path)
    head = header.to_json().encode()
    assert f"no {WEIGHTS}" in refused(zip_with(tmp_path / "half", {HEADER: head}))
    names = {HEADER: head, WEIGHTS: b"{}"}
    assert f"{WEIGHTS} is damaged" in refused(zip_with(tmp_path / "weights", names))
    assert "one half" in refused(
        zip_with(tmp_path / "state", names | {WEIGHTS: b"\x02\0\0\0\0\0\0\0{}", STATE: b""})
    )


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "weights.pkl", "code.py", "C:\\evil"])
def test_unknown_names_are_refused(tmp_path: Path, name: str) -> None:
    assert "does not belong" in refused(zip_with(tmp_path / "m.unet", {name: b"x"}))


def test_zip_bomb_is_refused_unread(tmp_path: Path) -> None:
    bomb = zip_with(tmp_path / "m.unet", {HEADER: bytes(2**26 + 1)}, zipfile.ZIP_DEFLATED)
    assert "too large" in refused(bomb)
    small = zip_with(tmp_path / "n.unet", {HEADER: bytes(2**20)}, zipfile.ZIP_DEFLATED)
    assert "compressed" in refused(small)


def test_sizes_that_weights_declare_are_checked(tmp_path: Path, header: Header) -> None:
    declared = b'{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
    weights = len(declared).to_bytes(8, "little") + declared + b"\0" * 16
    path = zip_with(tmp_path / "m", {HEADER: header.to_json().encode(), WEIGHTS: weights})
    assert f"{WEIGHTS} is damaged" in refused(path)


def test_too_large_an_entry_is_refused_unread(
    tmp_path: Path, header: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (False, True):
        save(tmp_path / f"m{folder}", header, WEIGHTS_HERE, folder=folder)
    monkeypatch.setitem(LIMITS, WEIGHTS, 10)
    for folder in (False, True):
        assert "too large" in refused(tmp_path / f"m{folder}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, header: Header) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "m.unet"
    save(path, header, WEIGHTS_HERE, STATE_HERE)
    return path.read_bytes()


def outcome(path: Path) -> str:
    """Empty if the file loads, else the sentence; any other exception is a failure."""
    try:
        load(path)
    except UserError as error:
        return str(error)
    return ""


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_damage_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    """Cut anywhere, or with some bytes changed, a file loads or is refused with a UserError."""
    content = bytearray(whole)
    places = st.integers(0, len(whole) - 1)
    if data.draw(st.booleans(), label="cut"):
        content = content[: data.draw(places)]
    else:
        for place in data.draw(st.lists(places, min_size=1, max_size=4)):
            content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage", numbered=True) / "m.unet"
    path.write_bytes(content)
    assert "\n" not in outcome(path)


@given(data=st.data(), name=st.sampled_from(sorted(LIMITS)))
@settings(max_examples=80, deadline=None)
def test_damage_in_a_folder_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, header: Header, data: st.DataObject, name: str
) -> None:
    """No checksum protects the files of a folder: the parsers themselves must stand it."""
    path = tmp_path_factory.mktemp("damage", numbered=True)
    save(path, header, WEIGHTS_HERE, STATE_HERE)
    content = bytearray((path / name).read_bytes())
    places = st.integers(0, min(len(content), 400) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    (path / name).write_bytes(content)
    assert "\n" not in outcome(path)
