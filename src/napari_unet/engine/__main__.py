"""``python -m napari_unet.engine --parent PID``: the engine process. Started by the client only."""

from __future__ import annotations

import argparse
import os
import threading
import time
from queue import SimpleQueue

import psutil

from napari_unet.engine.channel import Outbox, claim_stdio, read_commands, watch_parent
from napari_unet.engine.protocol import Command, Shutdown
from napari_unet.processor import make_ready

FAREWELL = 10.0
"""Seconds that the engine has to keep the model when its GUI was killed."""

NICENESS = 5
"""The window must never wait for the training. Measured on two cores with one kept busy by bursts
of 10 ms: they take 34 ms beside an engine of normal priority, 10 ms beside one of niceness 5 or 10,
and of these 5 leaves the engine two to three times as many steps."""


def be_modest() -> None:
    """Let everything that a person waits for go first."""
    wanted = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", NICENESS)
    try:
        psutil.Process().nice(wanted)
    except psutil.AccessDenied:
        print("The priority of the engine could not be lowered.", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m napari_unet.engine", description=__doc__)
    parser.add_argument("--parent", type=int, default=os.getppid(), help="end with this process")
    arguments = parser.parse_args()

    commands, events = claim_stdio()
    inbox: SimpleQueue[Command] = SimpleQueue()
    outbox = Outbox(events)
    serving = threading.Event()

    def orphaned() -> None:
        """The GUI is gone: what was trained is kept, as when it says goodbye."""
        if serving.is_set():
            inbox.put(Shutdown())
            time.sleep(FAREWELL)
        os._exit(0)

    # Before the imports, which take seconds in which the GUI may already be gone.
    read_commands(commands, inbox, outbox, at_end=orphaned)
    watch_parent(arguments.parent, at_end=orphaned)
    be_modest()
    make_ready()

    from napari_unet.engine.server import Server
    from napari_unet.engine.warm_up import warm_up

    outbox.put(warm_up())
    serving.set()
    Server(inbox, outbox).run()
    outbox.close()


if __name__ == "__main__":
    main()
