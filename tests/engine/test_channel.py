"""The server's end of the pipe: nothing that strays can corrupt it, nobody has to listen."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any

from napari_unet.engine.channel import Outbox, read_commands
from napari_unet.engine.protocol import (
    EVENTS,
    Command,
    Event,
    NoticeGiven,
    PauseTraining,
    Shutdown,
    TrainingProgress,
    encode,
)


def progress(step: int) -> TrainingProgress:
    return TrainingProgress(
        step=step,
        losses=((step, 1.0),),
        seconds=1,
        steps_per_second=1,
        learning_rate=1,
    )


def test_prints_go_to_the_log() -> None:
    script = """
import ctypes, os, subprocess, sys
from napari_unet.engine.channel import Outbox, claim_stdio
from napari_unet.engine.protocol import NoticeGiven
commands, events = claim_stdio()
print("printed")
os.write(1, b"written\\n")
ctypes.CDLL(None).puts(b"from C") if os.name == "posix" else None
ctypes.CDLL(None).fflush(None) if os.name == "posix" else None
subprocess.run([sys.executable, "-c", "print('from a child'); input()"], stderr=subprocess.DEVNULL)
outbox = Outbox(events)
outbox.put(NoticeGiven(message=commands.readline().decode().strip()))
outbox.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], input=b"a line\n", capture_output=True, check=True
    )
    assert EVENTS.validate_json(done.stdout) == NoticeGiven(message="a line")
    for text in (b"printed", b"written", b"from a child"):
        assert text in done.stderr


class Pipe(io.BytesIO):
    """A pipe whose other side reads only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.flows = threading.Event()

    def write(self, data: Any) -> int:
        self.flows.wait()
        return super().write(data)

    def events(self) -> list[Event]:
        return [EVENTS.validate_json(line) for line in self.getvalue().splitlines()]


def test_the_outbox_merges_while_nobody_reads() -> None:
    pipe = Pipe()
    outbox = Outbox(pipe)
    for step in range(1, 501):
        outbox.put(progress(step))
        if step == 250:
            time.sleep(0.05)
    pipe.flows.set()
    outbox.close()
    events = pipe.events()
    assert len(events) <= 3
    losses = [step for e in events if isinstance(e, TrainingProgress) for step, _ in e.losses]
    assert losses == list(range(1, 501))


def test_the_outbox_delivers_in_batches() -> None:
    pipe = Pipe()
    pipe.flows.set()
    outbox = Outbox(pipe)
    begin = time.monotonic()
    while time.monotonic() - begin < 0.55:
        outbox.put(progress(1))
        time.sleep(0.002)
    assert 2 <= len(pipe.events()) <= 7
    outbox.close()


def test_a_closed_pipe_ends_the_outbox_quietly() -> None:
    class Closed(io.BytesIO):
        def write(self, data: Any) -> int:
            raise BrokenPipeError

    outbox = Outbox(Closed())
    outbox.put(NoticeGiven(message="x"))
    outbox.close()


def read(lines: bytes) -> tuple[list[Command], list[Event], bool]:
    inbox: SimpleQueue[Command] = SimpleQueue()
    pipe, ended = Pipe(), threading.Event()
    pipe.flows.set()
    outbox = Outbox(pipe)
    read_commands(io.BytesIO(lines), inbox, outbox, ended.set)
    ended.wait(0.5)
    outbox.close()
    return [inbox.get() for _ in range(inbox.qsize())], pipe.events(), ended.is_set()


def test_a_line_that_is_no_command_is_skipped() -> None:
    lines = b'garbage\n{"type": "none"}\n\xff\xfe\n' + encode(PauseTraining())
    commands, events, ended = read(lines)
    assert commands == [PauseTraining()]
    assert len(events) == 3
    assert all(isinstance(e, NoticeGiven) and e.level == "warning" for e in events)
    assert ended


def test_the_end_of_the_pipe_is_expected_after_shutdown() -> None:
    commands, events, ended = read(encode(Shutdown()))
    assert (commands, events, ended) == ([Shutdown()], [], False)
