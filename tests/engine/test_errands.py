"""A comparison and an advice in a process of their own: killed, begun again, given up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import small_training
import tifffile

from napari_unet.advice.advised import Advised, Trying, changes, name_of
from napari_unet.comparison.events import Planned, Ran, Reported, Training
from napari_unet.comparison.folder import read_folder, table
from napari_unet.comparison.request import Request
from napari_unet.engine.connection import EngineDied
from napari_unet.engine.errand_protocol import (
    Advise,
    Compare,
    Refused,
    decode_event,
    encode_event,
)
from napari_unet.engine.errands import Errand

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for sub in ("images", "masks"):
        (tmp_path / sub).mkdir()
    for number in range(2):
        image, ids = small_training.discs(number, 40)
        tifffile.imwrite(tmp_path / "images" / f"{number}.tif", image)
        tifffile.imwrite(tmp_path / "masks" / f"{number}.tif", (ids > 0).astype(np.uint8))
    return tmp_path


def listen(errand: Errand, until: Callable[[Any], bool], seconds: float = 120) -> list[Any]:
    """Events up to the one that is waited for."""
    found: list[Any] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event in errand.poll():
            found.append(event)
            if until(event):
                return found
        time.sleep(0.02)
    raise AssertionError(found)


def ended(event: Any) -> bool:
    return isinstance(event, Reported | Advised | Refused | EngineDied)


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.slow
def test_killed_and_begun_again(data: Path) -> None:
    out = data / "out"
    request = Request(
        images="../images",
        labels="../masks",
        networks=("unet", "lunet"),
        steps=1,
        folds=2,
        kind="classes",
        device="cpu",
    )
    request.write(out)
    assert not read_folder(out).begun  # what was asked for can still be changed
    assert table(read_folder(out)) == []
    task = Compare(folder=str(out))
    errand = Errand(task, "The comparison", log_dir=data / "logs")
    events = listen(errand, lambda event: isinstance(event, Ran))
    assert isinstance(events[0], Planned)
    assert any(isinstance(event, Training) for event in events)
    os.kill(errand.pid, signal.SIGKILL)
    died = listen(errand, ended)[-1]
    assert died.message.startswith("The comparison was killed, most likely because")
    contents = read_folder(out)
    done = contents.finished
    assert 1 <= done < 4
    assert contents.networks == ("unet", "lunet")
    assert f"{done} of 4 runs are done. Start goes on" in contents.sentence
    assert next(row[0] for row in table(contents)) == "unet"

    errand = Errand(task, "The comparison", log_dir=data / "logs")
    events = listen(errand, ended)
    assert events[0].finished == done
    assert events[-1] == Reported(out / "report.md")
    contents = read_folder(out)
    assert contents.report == out / "report.md"
    assert "A finished comparison of 2 networks" in contents.sentence
    rows = table(contents)
    assert {row[0] for row in rows} == {"unet", "lunet"}
    assert all("±" in row[1] and row[2] and row[3] and row[4] for row in rows)


def test_advice_and_giving_it_up(data: Path) -> None:
    task = Advise(images=str(data / "images"), labels=str(data / "masks"), device="cpu")
    errand = Errand(task, "The advice", log_dir=data / "logs")
    listen(errand, lambda event: isinstance(event, Trying))
    time.sleep(0.5)
    family = [errand.pid, *(p.pid for p in psutil.Process(errand.pid).children(recursive=True))]
    assert len(family) > 1
    errand.close()
    assert eventually(lambda: all(map(gone, family)))
    assert not any(map(ended, errand.poll()))


def test_what_cannot_be_done_is_a_sentence(data: Path) -> None:
    task = Advise(images=str(data / "nowhere"), labels=str(data / "masks"))
    errand = Errand(task, "The advice", log_dir=data / "logs")
    (event,) = listen(errand, ended)
    assert event == Refused(f"{data / 'nowhere'} does not exist.")


def test_it_ends_with_its_pipe(data: Path) -> None:
    task = Advise(images=str(data / "images"), labels=str(data / "masks"), device="cpu")
    errand = Errand(task, "The advice", log_dir=data / "logs")
    listen(errand, lambda event: isinstance(event, Trying))
    errand._connection._commands.put(None)  # as when the window's process is gone
    assert eventually(lambda: gone(errand.pid))


def test_events_survive_the_pipe() -> None:
    from napari_unet.advice.choosing import Advice
    from napari_unet.advice.features import Features
    from napari_unet.advice.limits import Limits
    from napari_unet.advice.trial import Candidate, Measured, Trial

    candidate = Candidate(
        network="unet", arguments={"width": 8, "depth": 4}, tile=256, batch=4, sigma=5, channels=1,
        classes=2, size=(9, 9), device="cpu", precision="float32",
    )  # fmt: skip
    measured = Measured(
        parameters=1, step_seconds=1, image_seconds=1, memory=1, device="cpu", precision="float32"
    )
    features = Features(1, 1, (9, 9), 1, "objects", 2, 1.0, 0.5, 3)
    why = {"network": "Plain.", "width": "Small."}
    choice = Advice(1, Trial(candidate, measured), 7.0, why)
    failed = Advice(2, Trial(candidate, failed="no"), None, why, "could not be tried")
    advised = Advised(features, Limits(10, 0.5), (choice, failed), "Plainly.", "a processor")
    assert decode_event(encode_event(advised)) == advised
    assert name_of(candidate) == "unet (width 8, depth 4)"
    assert changes(choice)["sigma"] == 7.0
    again = decode_event(encode_event(Training("unet", 1, 1, 2, 3, 0.5, float("nan"))))
    assert np.isnan(again.loss)
    with pytest.raises(ValueError):
        decode_event(b'["Nonsense", {}]\n')
