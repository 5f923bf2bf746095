"""Starting a process of ours with a log of its own. Free of torch, Qt and napari."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from napari_unet.errors import UserError

PYTHON_VARIABLE = "NAPARI_UNET_PYTHON"
"""Environment variable that names the interpreter of the engine, where it is not our own."""


def launch(module: str, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """``python -m module --parent PID ...`` with pipes for stdin and stdout, stderr into ``log``.

    Raises :class:`UserError` when the interpreter cannot be run.
    """
    python = os.environ.get(PYTHON_VARIABLE) or sys.executable
    # -P: a torch.py or numpy.py in the user's working directory must not be imported.
    command = [python, "-P", "-X", "faulthandler", "-m", module]
    command += ["--parent", str(os.getpid()), *arguments]
    try:
        with log.open("wb") as stderr:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise UserError(
            f"The engine cannot be started with {python} ({error.strerror}): set "
            f"{PYTHON_VARIABLE} to the Python in which napari-unet-live is installed."
        ) from error
