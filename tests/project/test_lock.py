"""Two processes never write one project; a dead one holds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_unet.errors import UserError
from napari_unet.project.project import Project

HOLD = """
import sys
from napari_unet.project.project import Project
project = Project.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_a_project_open_in_another_process_is_refused_until_that_dies(tmp_path: Path) -> None:
    Project.create(tmp_path / "work").close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "work")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(UserError, match=f"open in another window .process {other.pid} on"):
            Project.open(tmp_path / "work")
        other.kill()
        other.wait()
        Project.open(tmp_path / "work").close()


def test_a_project_is_open_once_in_one_process_too(project: Project) -> None:
    with pytest.raises(UserError, match="another window"):
        Project.open(project.folder)
