"""The process itself: it dies, its parent dies, it is dropped; nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from napari_unet.engine.client import PYTHON_VARIABLE, EngineClient
from napari_unet.engine.connection import died
from napari_unet.engine.protocol import (
    EngineDied,
    Event,
    LabelsChanged,
    PauseTraining,
    Predict,
    Ready,
    StopTraining,
)
from napari_unet.errors import UserError
from napari_unet.model import file

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@posix
def test_killed_while_training_it_goes_on_from_the_checkpoint(
    own_engine: Any, tmp_path: Path
) -> None:
    engine = own_engine
    ready: Ready = engine.wait("ready")
    assert ready.pid == engine.client.pid
    image, mask = engine.disks()
    id = engine.open(image)
    painted = engine.label(id, engine.strokes(mask))
    path = str(tmp_path / "model.unet")
    engine.start(steps=5, checkpoint=path)
    engine.wait("checkpoint")
    engine.wait("training_finished")
    engine.start(resume=True, checkpoint=path)
    engine.wait("training_progress", lambda event: event.step > 6)
    os.kill(ready.pid, signal.SIGKILL)
    event: EngineDied = engine.wait("engine_died")
    assert event.message == (
        "The engine was killed, most likely because the computer ran out of memory."
    )
    assert "Exit code -9" in event.details
    assert not engine.client.alive
    with pytest.raises(UserError, match="not running"):
        engine.start()
    painted[0, 0] = 1  # the user goes on painting
    engine.send(LabelsChanged(image=id, index=()))

    engine.client.restart()
    assert engine.wait("ready").pid != ready.pid
    # The image is known and the last model too, without anybody telling it again.
    ref, _ = engine.client.allocate((96, 96), np.uint8)
    engine.send(Predict(job="p", image=id, outputs={"classes": ref}))
    engine.wait("job_finished", lambda event: event.job == "p")
    engine.start(resume=True, checkpoint=path, steps=9)
    assert engine.wait("training_started").step == 5
    assert engine.wait("training_finished").step == 9
    assert painted[12, 0] == 1 + mask[12, 0]


@posix
def test_the_engine_ends_with_its_parent(tmp_path: Path) -> None:
    script = """
import sys, time
from napari_unet.engine.client import EngineClient
client = EngineClient(sys.argv[1])
client.start()
print(client.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not gone(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: gone(pid))
    # Its cache is left, until the next session comes.
    assert list(tmp_path.glob("session-*"))
    EngineClient(tmp_path).close()
    assert not list(tmp_path.glob("session-*"))


@posix
def test_the_model_of_the_moment_is_kept_when_the_window_is_killed(tmp_path: Path) -> None:
    script = """
import sys
from tests.engine.conftest import Driver, EngineClient, disks, strokes
engine = Driver(EngineClient(sys.argv[1] + "/cache"))
engine.client.start()
image, mask = disks()
engine.label(engine.open(image), strokes(mask))
engine.start(checkpoint=sys.argv[1] + "/model.unet")
while True:
    print(engine.client.pid, engine.wait("training_progress").step, flush=True)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    step = 0
    while step < 3:  # long before a checkpoint is due
        pid, step = map(int, parent.stdout.readline().split())
    assert not (tmp_path / "model.unet").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: gone(pid))
    assert file.read_header(tmp_path / "model.unet").history.steps >= step


@posix
def test_a_fork_that_holds_the_pipe_does_not_keep_the_engine(tmp_path: Path) -> None:
    script = """
import os, sys, time
from napari_unet.engine.client import EngineClient
client = EngineClient(sys.argv[1])
client.start()
child = os.fork()
if child:
    print(client.pid, child, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, child = map(int, parent.stdout.readline().split())
    try:
        parent.kill()
        parent.wait()
        assert eventually(lambda: gone(pid))
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()


def test_close_asks_politely_keeps_the_model_and_removes_the_cache(
    own_engine: Any, tmp_path: Path
) -> None:
    engine = own_engine
    image, mask = engine.disks()
    engine.label(engine.open(image), engine.strokes(mask))
    engine.start(checkpoint=str(tmp_path / "model.unet"))  # before it is ready
    engine.wait("training_progress", lambda event: event.step >= 3)
    pid, folder = engine.client.pid, engine.client.cache.folder
    assert folder.exists()
    engine.client.close(timeout=30)
    assert gone(pid)
    assert not folder.exists()
    assert (tmp_path / "model.unet").exists()
    assert "engine_died" not in {event.type for event in engine.client.poll()}
    assert engine.client.log_path.exists()
    engine.client.close()  # twice is fine


def test_a_dropped_client_ends_its_engine(tmp_path: Path) -> None:
    client = EngineClient(tmp_path)
    client.start()
    pid, folder, reference = client.pid, client.cache.folder, weakref.ref(client)
    assert pid is not None
    del client
    gc.collect()
    assert reference() is None
    assert gone(pid)
    assert not folder.exists()


def test_the_interpreter_ends_its_engine(tmp_path: Path) -> None:
    script = """
import sys
from napari_unet.engine.client import EngineClient
client = EngineClient(sys.argv[1])
client.start()
print(client.pid)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert gone(int(done.stdout))
    assert done.stderr == ""
    assert not list(tmp_path.glob("session-*"))


@posix
def test_sending_never_waits_for_the_engine(own_engine: Any) -> None:
    engine = own_engine
    engine.wait("ready")
    os.kill(engine.client.pid, signal.SIGSTOP)
    try:
        for _ in range(5000):  # far more than a pipe holds
            engine.send(LabelsChanged(image="image", index=(0, 1, 2)))
        assert engine.client.poll() == []
    finally:
        os.kill(engine.client.pid, signal.SIGCONT)
    engine.send(PauseTraining())
    engine.send(StopTraining())
    assert engine.client.alive


def test_an_interpreter_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "python"))
    client = EngineClient(tmp_path / "cache")
    with pytest.raises(UserError, match=PYTHON_VARIABLE):
        client.start()
    assert not client.alive
    assert client.poll() == []
    client.close()


@posix
def test_an_engine_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named torch' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setenv(PYTHON_VARIABLE, str(python))
    client = EngineClient(tmp_path / "cache")
    client.start()
    events: list[Event] = []
    assert eventually(lambda: events.extend(client.poll()) or bool(events))
    (event,) = events
    assert isinstance(event, EngineDied)
    assert event.message == "The engine could not start (No module named torch)."
    assert not client.alive
    assert client.poll() == []
    client.close()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (-11, "The engine crashed (SIGSEGV)."),
        (-120, "The engine crashed (signal 120)."),
        (0xC0000005, "The engine crashed (0xC0000005)."),
        (3, "The engine ended unexpectedly (exit code 3)."),
    ],
)
def test_what_is_told_about_its_end(code: int, sentence: str) -> None:
    event = died(code, "some\nlog lines\n")
    assert event.message == sentence
    assert "log lines" in event.details


def test_the_client_needs_no_torch_and_no_qt() -> None:
    script = """
import sys
import napari_unet.engine.client
wrong = {"torch", "napari", "qtpy", "zarr"} & set(sys.modules)
assert not wrong, wrong
"""
    subprocess.run([sys.executable, "-c", script], check=True)
