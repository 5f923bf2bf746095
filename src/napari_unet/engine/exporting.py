"""The job that hands the newest model to other programs.

It runs what the command line runs, in a process of its own: writing a graph and comparing it takes
seconds in which no training step could be made.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from napari_unet.engine.jobs import Job
from napari_unet.engine.protocol import ExportModel, JobFinished, JobProgress
from napari_unet.engine.training_service import TrainingService
from napari_unet.errors import UserError
from napari_unet.model.export import check_format, check_packages
from napari_unet.model.export.about import default_name

LOOK_AFTER = 0.02
"""Seconds to wait for the process between two training steps."""


def export_model(command: ExportModel, source: TrainingService) -> Job:
    """Export the newest model, as ``napari-unet export`` does."""
    check_format(command.format)
    check_packages(command.format)
    with tempfile.TemporaryDirectory(prefix="napari-unet-export-") as name:
        folder = Path(name)
        model = folder / "model.unet"
        source.save(str(model), training_state=False)
        yield (JobProgress(job=command.job, done=0, total=0, text="comparing"),)
        arguments = ["export", str(model), "--format", command.format, "--out", command.path]
        arguments += ["--name", command.name or default_name(Path(command.path).stem)]
        for author in command.authors:
            arguments += ["--author", author]
        said = folder / "said.txt"
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "napari_unet.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            try:
                while _runs(process):
                    yield ()
            finally:  # cancelled, too
                process.kill()
                process.wait()
        lines = [line for line in said.read_text(errors="replace").splitlines() if line.strip()]
    if process.returncode:
        raise UserError(_fault(lines, process.returncode))
    text = " ".join([f"{command.path} is written.", *lines])
    yield (JobFinished(job=command.job, result={"path": command.path, "text": text}),)


def _runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK_AFTER)
    except subprocess.TimeoutExpired:
        return True
    return False


def _fault(lines: list[str], code: int) -> str:
    errors = [line for line in lines if line.startswith("Error: ")]
    if errors:
        return errors[-1].removeprefix("Error: ")
    return f"The export ended without a word (exit code {code}): try napari-unet export."
