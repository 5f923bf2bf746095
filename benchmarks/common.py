"""What the benchmarks share: where the images lie, what the machine is."""

from __future__ import annotations

import json
import platform
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from imageio.v3 import imread

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


def data(folder: str) -> Path:
    """A folder of real images, or the end of the script with a sentence."""
    path = DATA / folder
    if not path.is_dir():
        sys.exit(f"The images of {folder} are not beside this checkout ({path}).")
    return path


def read(path: Path) -> np.ndarray:
    """Pixels of a file; the first channel where there are several."""
    pixels = np.asarray(imread(path))
    return pixels[..., 0] if pixels.ndim == 3 else pixels


def report(**figures: Any) -> None:
    """Print the figures with date and machine, as one line of JSON."""
    print(json.dumps(figures | {"machine": about_machine()}))


def about_machine() -> dict[str, Any]:
    """When and where something was measured, and which commit."""
    import torch

    if str(ROOT) not in sys.path:  # a script that was started from its own folder
        sys.path.append(str(ROOT))
    from benchmarks.few_shot.machine import about_project, cores, processor

    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "processor": processor(),
        "cores": cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
        **about_project(),
    }


def membrane_scores(model: Any, slices: range) -> tuple[float, float, float]:
    """Mean IoU of membrane (class 0) and cell (class 1) on ISBI slices, median seconds a slice."""
    import time

    folder = data("isbi2012")
    scores, seconds = [], []
    for number in slices:
        image = read(folder / "images" / f"{number:02d}.png")
        truth = read(folder / "masks" / f"{number:02d}.png") > 0
        clock = time.perf_counter()
        cell = model.predict(image, output="classes") == 1
        seconds.append(time.perf_counter() - clock)
        scores.append(
            [
                (~cell & ~truth).sum() / (~cell | ~truth).sum(),
                (cell & truth).sum() / (cell | truth).sum(),
            ]
        )
    membrane, cells = np.mean(scores, axis=0)
    return float(membrane), float(cells), float(np.median(seconds))
