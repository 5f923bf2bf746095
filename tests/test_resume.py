"""A prediction that is killed goes on where it was, and nothing half done looks finished."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from small_models import make_model

from napari_unet.core import FileProgress, predict_files
from napari_unet.errors import UserError
from napari_unet.images.reading import read_image
from napari_unet.model.model import load
from napari_unet.prediction import files, zarr_files
from napari_unet.prediction.files import PredictionFiles
from napari_unet.prediction.unfinished import Unfinished

SIDE, TILE = 768, 64
TILES = (SIDE // TILE) ** 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, an image in chunks that are not those of the tiles, and its whole prediction."""
    folder = tmp_path_factory.mktemp("large")
    model = make_model("unet", width=12, depth=2, padding="same")
    model.save(folder / "m.unet")
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    image = zarr.create_array(
        folder / "big.zarr", shape=pixels.shape, chunks=(100, 100), dtype="u1"
    )
    image[...] = pixels
    for form in ("zarr", "tif"):
        for _ in predict_files(
            load(folder / "m.unet"),
            folder / "big.zarr",
            folder / "whole",
            ["probability", "classes", "objects"],
            axes="yx",
            tile=TILE,
            form=form,
        ):
            pass
    return folder


def arguments(folder: Path, out: str, form: str, *more: str) -> list[str]:
    typed = ["predict", str(folder / "m.unet"), str(folder / "big.zarr"), "--axes", "yx"]
    typed += ["--out", str(folder / out), "--format", form, "--tile", str(TILE)]
    typed += ["--output", "probability", "--output", "classes", "--output", "objects"]
    return [sys.executable, "-m", "napari_unet.cli", *typed, *more]


def command(folder: Path, out: str, form: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(folder, out, form, *more), capture_output=True, text=True, check=False
    )


def start_and_stop(folder: Path, out: str, form: str, how: int, after: int, *more: str) -> str:
    """End a real process once ``after`` tiles are written; what it said."""
    process = subprocess.Popen(
        arguments(folder, out, form, *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where these tests run in the background of a shell, children would not hear Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    done = folder / out / ".big.unfinished" / "done"
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if done.exists() and done.read_bytes().count(b"\n") >= after:
            break
        time.sleep(0.002)
    assert process.poll() is None, "it was too fast to be interrupted"
    process.send_signal(how)
    said = process.communicate(timeout=60)
    assert process.returncode != 0
    return said[1]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def outputs(folder: Path, form: str) -> dict[str, bytes]:
    """Names and bytes of all that is there in one form; of TIFF the pixels, for the head holds a
    name that is drawn at random."""
    if form == "tif":
        return {p.name: tifffile.imread(p).tobytes() for p in folder.glob("*.tif")}
    return {name: data for name, data in contents(folder).items() if ".zarr" in name}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("form", ["zarr", pytest.param("tif", marks=pytest.mark.slow)])
def test_killed_twice_it_ends_as_if_it_had_not_been(place: Path, form: str) -> None:
    out = f"killed-{form}"
    for after in (1, 50):
        start_and_stop(place, out, form, signal.SIGKILL, after)
        assert [p.name for p in (place / out).iterdir()] == [".big.unfinished"]
    done = command(place, out, form)
    assert done.returncode == 0, done.stderr
    assert f"of {TILES} tiles were done before: the prediction goes on there" in done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert outputs(place / out, form) == outputs(place / "whole", form)
    assert not [p for p in (place / out).iterdir() if p.name.startswith(".")]
    # Once more: it is finished, and known to be.
    again = command(place, out, form)
    assert again.returncode == 0
    assert "was predicted before, with this model and these settings" in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl-C for a child there")
def test_after_ctrl_c_it_says_how_to_go_on(place: Path) -> None:
    said = start_and_stop(place, "stopped", "zarr", signal.SIGINT, 1)
    assert "type the same command again and it goes on there" in said
    assert "Traceback" not in said
    done = command(place, "stopped", "zarr")
    assert "tiles were done before" in done.stderr
    assert outputs(place / "stopped", "zarr") == outputs(place / "whole", "zarr")


@pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl-C for a child there")
def test_begun_afresh_and_stopped_it_goes_on_without_that_option(place: Path) -> None:
    assert command(place, "afresh", "zarr").returncode == 0
    said = start_and_stop(place, "afresh", "zarr", signal.SIGINT, 5, "--afresh")
    assert "type it again without --afresh and it goes on there" in said
    done = command(place, "afresh", "zarr")
    assert "tiles were done before: the prediction goes on there" in done.stderr
    assert outputs(place / "afresh", "zarr") == outputs(place / "whole", "zarr")


# ------------------------------------------------------------------ without a process


class InterruptedHereError(Exception):
    pass


def run(place: Path, out: Path, stop: int | None = None, **options: Any) -> list[FileProgress]:
    """Predict; with ``stop``, be interrupted after so many tiles."""
    model = options.pop("model", None) or make_model("unet", width=4, depth=2, padding="same")
    chosen = {"tile": TILE, "axes": "yx", "form": "zarr", "precision": "float32", "resume": True}
    job: Iterator[FileProgress] = predict_files(
        model, options.pop("image", place / "big.zarr"), out, **(chosen | options)
    )
    seen = []
    for one in job:
        seen.append(one)
        if stop is not None and one.tile >= stop:
            job.close()  # type: ignore[attr-defined]
            break
    return seen


def test_another_model_image_or_setting_begins_again_with_a_sentence(
    place: Path, tmp_path: Path
) -> None:
    other = make_model("unet", width=5, depth=2, padding="same")
    for change, reason in (
        ({"model": other}, "made with another model: it is begun again"),
        ({"tile": 96}, "made with other settings: it is begun again"),
        ({"outputs": ["probability"]}, "made with other settings: it is begun again"),
    ):
        run(place, tmp_path, 10)
        assert run(place, tmp_path, 10)[0].notes[-1].endswith("the prediction goes on there.")
        assert reason in " ".join(run(place, tmp_path, 1, **change)[0].notes)
    assert not list(tmp_path.glob("big*"))
    run(place, tmp_path, 10)
    assert run(place, tmp_path, 1, afresh=True)[0].notes == ()
    os.utime(place / "big.zarr" / "zarr.json")
    run(place, tmp_path, 10)
    time.sleep(0.01)
    os.utime(place / "big.zarr" / "zarr.json")
    assert "another image" in " ".join(run(place, tmp_path, 1)[0].notes)


def test_a_finished_output_of_another_model_is_not_replaced_silently(
    place: Path, tmp_path: Path
) -> None:
    run(place, tmp_path)
    before = contents(tmp_path)
    other = make_model("unet", width=5, depth=2, padding="same")
    seen = run(place, tmp_path, 10, model=other)
    assert "big.classes.zarr was made with another model, image or settings" in " ".join(
        seen[0].notes
    )
    left = {name: data for name, data in contents(tmp_path).items() if not name.startswith(".")}
    assert left == before
    run(place, tmp_path, model=other)
    after = contents(tmp_path)
    assert after.keys() == before.keys()
    assert after != before


def test_two_at_a_time_are_kept_apart(place: Path, tmp_path: Path) -> None:
    model = make_model("unet", width=4, depth=2, padding="same")
    chosen = {"tile": TILE, "axes": "yx", "form": "zarr", "resume": True}
    job = predict_files(model, place / "big.zarr", tmp_path, **chosen)  # type: ignore[arg-type]
    next(iter(job))
    with pytest.raises(UserError, match="Another napari-unet is predicting big"):
        list(predict_files(model, place / "big.zarr", tmp_path, **chosen))  # type: ignore[arg-type]
    job.close()  # type: ignore[attr-defined]


def test_a_torn_line_and_a_damaged_output(place: Path, tmp_path: Path) -> None:
    run(place, tmp_path, 10)
    folder = tmp_path / ".big.unfinished"
    with (folder / "done").open("ab") as file:
        file.write(b"[9")
    assert "tiles were done before" in " ".join(run(place, tmp_path, 30)[0].notes)
    assert all(json.loads(line) for line in (folder / "done").read_text().splitlines())
    (folder / "big.classes.zarr" / "0" / ".zarray").write_bytes(b"{")
    seen = run(place, tmp_path)
    assert "damaged: it is begun again" in " ".join(seen[0].notes)
    assert seen[-1].written
    expected = make_model("unet", width=4, depth=2, padding="same").predict(
        np.asarray(read_image(place / "big.zarr", "yx").data[...]),
        tile=TILE,
        output="classes",
        precision="float32",
    )
    found = np.asarray(read_image(tmp_path / "big.classes.zarr").data[...])
    np.testing.assert_array_equal(found, expected)


def test_interrupted_between_the_last_tile_and_the_objects_or_the_names(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"outputs": ["classes", "objects"]}
    run(place, tmp_path / "whole", **wanted)
    write_objects = PredictionFiles.write_objects

    def killed(*_: Any) -> None:
        raise InterruptedHereError

    monkeypatch.setattr(PredictionFiles, "write_objects", killed)
    with pytest.raises(InterruptedHereError):
        run(place, tmp_path / "out", **wanted)
    monkeypatch.setattr(PredictionFiles, "write_objects", write_objects)
    commit = files.OutputZarr.commit

    def killed_at_objects(self: Any) -> None:
        if "objects" in self.path.name:
            raise InterruptedHereError
        commit(self)

    monkeypatch.setattr(files.OutputZarr, "commit", killed_at_objects)
    with pytest.raises(InterruptedHereError):
        run(place, tmp_path / "out", **wanted)
    assert (tmp_path / "out" / "big.classes.zarr").exists()
    monkeypatch.setattr(files.OutputZarr, "commit", commit)
    assert f"{TILES} of {TILES}" in " ".join(run(place, tmp_path / "out", **wanted)[0].notes)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_blended_windows_go_on_with_the_same_bits(place: Path, tmp_path: Path) -> None:
    model = make_model("sd_unet", width=8, depth=2)
    assert not model.geometry.tile_exact
    run(place, tmp_path / "whole", model=model, outputs=["probability"])
    for stop in (2, 5):
        run(place, tmp_path / "out", stop, model=model, outputs=["probability"])
    assert run(place, tmp_path / "out", model=model, outputs=["probability"])[-1].written
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_stack_goes_on_in_the_middle_of_a_plane(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 128, 192), np.uint8)
    zarr.create_array(tmp_path / "s.zarr", data=pixels)
    wanted: dict[str, Any] = {"image": tmp_path / "s.zarr", "axes": "zyx", "outputs": ["objects"]}
    run(tmp_path, tmp_path / "whole", **wanted)
    for stop in (4, 9, 12, 15):
        run(tmp_path, tmp_path / "out", stop, **wanted)
    assert run(tmp_path, tmp_path / "out", **wanted)[-1].fraction == 1
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("form", ["zarr", "tif"])
@pytest.mark.parametrize("recorded", [1, 2])
def test_killed_when_the_next_plane_lies_over_the_one_whose_objects_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, recorded: int
) -> None:
    """Of two tiles of the first plane, ``recorded`` are remembered at once and all else later."""
    pixels = np.random.default_rng(2).integers(0, 256, (2, 64, 128), np.uint8)
    zarr.create_array(tmp_path / "s.zarr", data=pixels)
    wanted: dict[str, Any] = {"image": tmp_path / "s.zarr", "axes": "zyx", "outputs": ["objects"]}
    wanted["form"] = form
    run(tmp_path, tmp_path / "whole", **wanted)
    write_tile = PredictionFiles.write_tile

    def held_back(self: Any, index: Any, number: int, *arguments: Any) -> None:
        self._record_at = 0.0 if index == (0,) and number < recorded else math.inf
        write_tile(self, index, number, *arguments)
        if index == (1,):
            raise InterruptedHereError

    def dropped(self: Any) -> None:  # as a process that is killed does: nothing more is recorded
        for file in self._all():
            file.close()
        self._unfinished.close()

    with monkeypatch.context() as patched:
        patched.setattr(PredictionFiles, "write_tile", held_back)
        patched.setattr(PredictionFiles, "_leave", dropped)
        with pytest.raises(InterruptedHereError):
            run(tmp_path, tmp_path / "out", **wanted)
    notes = run(tmp_path, tmp_path / "out", **wanted)[0].notes
    assert outputs(tmp_path / "out", form) == outputs(tmp_path / "whole", form)
    assert notes[0].startswith("2 of 4 tiles were done before")


def test_objects_are_done_only_when_they_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zarr.create_array(tmp_path / "s.zarr", data=np.zeros((2, 64, 64), np.uint8))
    order: list[str] = []
    write_objects, record = PredictionFiles.write_objects, Unfinished.record
    sync = {cls: cls.sync for cls in (files.OutputTiff, files.OutputZarr)}

    def written(self: Any, *arguments: Any) -> None:
        order.clear()
        write_objects(self, *arguments)
        order.append("next plane")

    def synced(self: Any, *arguments: Any) -> None:
        order.append(self.path.name)
        sync[type(self)](self, *arguments)

    def recorded(self: Unfinished) -> None:
        order.append("done")
        record(self)

    for cls in sync:
        monkeypatch.setattr(cls, "sync", synced)
    monkeypatch.setattr(PredictionFiles, "write_objects", written)
    monkeypatch.setattr(Unfinished, "record", recorded)
    run(tmp_path, tmp_path, image=tmp_path / "s.zarr", axes="zyx", outputs=["objects"])
    done = order.index("done")
    assert set(order[:done]) == {"s.objects.zarr", "s.objects.scratch"}
    assert order[done + 1] == "next plane"


def test_a_disk_that_is_full_is_one_sentence_and_nothing_is_lost(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = PredictionFiles.write
    count = iter(range(1000))

    def full(self: Any, *arguments: Any) -> None:
        if next(count) >= 20:
            with files.explained(self.paths["classes"]):
                raise OSError(28, "No space left on device")
        write(self, *arguments)

    monkeypatch.setattr(PredictionFiles, "write", full)
    with pytest.raises(UserError, match=r"big.classes.zarr cannot be written: No space left"):
        run(place, tmp_path)
    monkeypatch.setattr(PredictionFiles, "write", write)
    assert "20 of" in " ".join(run(place, tmp_path)[0].notes)


def test_a_disk_that_has_room_for_the_outputs_and_nothing_more(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Unfinished) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Unfinished, "ready", full)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        run(place, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_tile_is_done_only_when_it_is_on_the_disk(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, record = zarr_files.fsync, Unfinished.record

    def noted(path: Path) -> None:
        order.append("pixels" if path.name.isdigit() else path.name)
        fsync(path)

    def recorded(self: Unfinished) -> None:
        order.append("done")
        record(self)

    written: list[int] = []
    tile_done = Unfinished.tile_done

    def counted(self: Unfinished, index: Any, number: int) -> None:
        written.append(number)
        tile_done(self, index, number)

    monkeypatch.setattr(Unfinished, "tile_done", counted)
    monkeypatch.setattr(zarr_files, "fsync", noted)
    monkeypatch.setattr(Unfinished, "record", recorded)
    run(place, tmp_path, 10, outputs=["classes"])
    assert order[0] == "pixels"
    assert order[-1] == "done"
    lines = (tmp_path / ".big.unfinished" / "done").read_bytes().count(b"\n")
    assert lines == len(written) > 0  # what was written last, too; what waited is dropped


def test_a_journal_of_zeros_begins_again(place: Path, tmp_path: Path) -> None:
    run(place, tmp_path, 10)
    done = tmp_path / ".big.unfinished" / "done"
    done.write_bytes(bytes(20) + done.read_bytes()[20:])
    assert "damaged: it is begun again" in " ".join(run(place, tmp_path, 1)[0].notes)


def test_a_line_that_did_not_fit_is_taken_back(tmp_path: Path) -> None:
    unfinished = Unfinished(tmp_path / ".a.unfinished", {"a": 1})
    unfinished.ready()
    unfinished.tile_done((), 1)
    unfinished.record()
    real = unfinished._file

    class Short:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def write(self, data: bytes) -> int:
            return int(real.write(data[:2]))

    unfinished.tile_done((), 2)
    unfinished._file = Short()
    with pytest.raises(OSError, match="No space"):
        unfinished.record()
    unfinished._file = real
    unfinished.record()
    unfinished.close()
    again = Unfinished(tmp_path / ".a.unfinished", {"a": 1})
    assert again.tiles == {(): {1, 2}}
    again.close()


def test_killed_when_all_had_its_name_nothing_stays(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Unfinished) -> None:
        raise InterruptedHereError

    wanted: dict[str, Any] = {"outputs": ["classes", "objects"]}
    with monkeypatch.context() as patched:
        patched.setattr(Unfinished, "remove", killed)
        with pytest.raises(InterruptedHereError):
            run(place, tmp_path, **wanted)
    folder = tmp_path / ".big.unfinished"
    held = Unfinished(folder, {})
    assert "was predicted before" in run(place, tmp_path, **wanted)[0].notes[0]
    assert folder.exists()  # somebody is at work in it
    held.close()
    assert "was predicted before" in run(place, tmp_path, **wanted)[0].notes[0]
    assert not folder.exists()


def test_what_another_model_has_begun_stays_beside_what_is_finished(
    place: Path, tmp_path: Path
) -> None:
    run(place, tmp_path)
    other = make_model("unet", width=5, depth=2, padding="same")
    run(place, tmp_path, 10, model=other)
    assert "was predicted before" in run(place, tmp_path)[0].notes[0]
    assert "tiles were done before" in run(place, tmp_path, model=other)[0].notes[0]


def test_outputs_among_the_images_are_left_out(tmp_path: Path) -> None:
    for name in ("a", "b"):
        pixels = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
    seen = run(tmp_path, tmp_path, image=tmp_path, form="tif", outputs=["classes", "objects"])
    assert not seen[0].notes
    assert seen[-1].total == 2
    (tmp_path / "b.tif").unlink()  # no image lies beside its outputs any more
    seen = run(tmp_path, tmp_path, image=tmp_path / "*", form="tif", outputs=["classes", "objects"])
    assert seen[0].notes == ("4 files that are predictions of this program were left out.",)
    assert "a was predicted before" in seen[1].notes[0]
    assert seen[-1].total == 1
    # By name, it is an image as any other; so is one that only has such a name.
    seen = run(tmp_path, tmp_path / "out", image=tmp_path / "a.classes.tif", form="tif")
    assert seen[-1].written
    tifffile.imwrite(tmp_path / "c.objects.tif", np.zeros((64, 64), np.uint8))
    assert run(tmp_path, tmp_path, image=tmp_path, form="tif")[-1].path.name == "c.objects.tif"
    with pytest.raises(UserError, match=r"All images of .* are predictions of this program"):
        run(tmp_path, tmp_path, image=tmp_path / "b.*", form="tif")
