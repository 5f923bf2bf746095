"""One virtual environment for each peer, made from the package index when it is first needed.

A peer that builds on torch gets the very torch of this project, through a ``.pth`` file: so all
are compared on the same build, and no second torch is ever installed. StarDist (TensorFlow) and
APOC (OpenCL) get an environment with nothing of ours in it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

MINUTES = 20
"""Minutes that an installation may take."""


@dataclass(frozen=True)
class Recipe:
    """What pip installs; ``shared``: on top of the packages of this interpreter, torch included."""

    packages: tuple[str, ...]
    shared: bool = True


RECIPES = {
    "forest": Recipe(("scikit-learn>=1.4",)),
    "monai": Recipe(("monai>=1.4",)),
    "nnunet": Recipe(("nnunetv2>=2.5,<3",)),
    "cellpose": Recipe(("cellpose>=3,<4",)),
    "stardist": Recipe(
        (
            "stardist>=0.9",
            "tensorflow-cpu; sys_platform != 'darwin'",
            "tensorflow; sys_platform == 'darwin'",
        ),
        shared=False,
    ),
    "apoc": Recipe(("apoc>=0.12", "pyopencl[pocl]", "setuptools<81"), shared=False),
    "convpaint": Recipe(("napari-convpaint>=1",)),
}


class MissingError(Exception):
    """A peer cannot run here; the message is one sentence."""


def interpreter(peer: str, envs: Path | None) -> Path:
    """The Python of a peer's environment, made now if it is not there.

    Without ``envs`` the running interpreter is taken. A failed installation is remembered beside
    the environment and not tried again until that folder is deleted.

    Raises
    ------
    MissingError
        The environment could not be made.
    """
    if envs is None:
        return Path(sys.executable)
    folder = envs.resolve() / peer
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    state = folder / "few_shot.json"
    if not state.exists():
        problem = _make(folder, python, RECIPES[peer])
        folder.mkdir(parents=True, exist_ok=True)
        state.write_text(json.dumps({"peer": peer, "problem": problem}))
    problem = json.loads(state.read_text())["problem"]
    if problem:
        raise MissingError(
            f"{peer} could not be installed ({problem}): delete {folder} to try again."
        )
    return python


def _make(folder: Path, python: Path, recipe: Recipe) -> str:
    """Make one environment; returns what went wrong, in a few words, or nothing."""
    print(f"Making {folder} ...", file=sys.stderr, flush=True)
    try:
        venv.create(folder, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    command = [str(python), "-m", "pip", "install", "--quiet", *recipe.packages]
    if recipe.shared:
        site = subprocess.check_output(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
            text=True,
        ).strip()
        (Path(site) / "few_shot_shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        pins = folder / "pins.txt"
        pins.write_text(f"torch=={version('torch')}\n")
        command += ["--constraint", str(pins)]
    log = folder / "pip.log"
    try:
        with log.open("w") as stream:
            subprocess.run(command, stdout=stream, stderr=stream, timeout=MINUTES * 60, check=True)
    except subprocess.TimeoutExpired:
        return f"pip took more than {MINUTES} minutes"
    except subprocess.CalledProcessError:
        lines = [line for line in log.read_text().splitlines() if "ERROR" in line]
        return lines[-1] if lines else f"see {log}"
    return ""
