"""What a method gets and hands back: a folder of arrays. Needs only numpy.

``job.json``: kind ("classes" or "objects"), budgets (seconds), seed, threads, options.
``train/`` images, ``labels/`` class maps (1 = cell or object), ``objects/`` ids, ``test/`` images,
each 000.npy, 001.npy .. of shape (y, x). A method writes ``out/MARK/probability`` or
``out/MARK/objects`` for every test image, and a line in ``marks.jsonl`` for each mark.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np


class Job:
    """The folder named on the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        given = json.loads((folder / "job.json").read_text())
        self.kind: str = given["kind"]
        self.budgets: list[float] = sorted(given["budgets"])
        self.seed: int = given["seed"]
        self.threads: int = given["threads"]
        self.options: dict[str, Any] = given["options"]
        self.images = self._all("train")
        self.labels = self._all("labels")
        self.objects = self._all("objects")
        self.test = self._all("test")

    def _all(self, name: str) -> list[np.ndarray]:
        return [np.load(file) for file in sorted((self.folder / name).glob("*.npy"))]

    def mark(
        self,
        names: str | list[str],
        predict: Callable[[np.ndarray], np.ndarray],
        *,
        seconds: float,
        steps: int = 0,
        kind: str = "probability",
        own: Callable[[np.ndarray], np.ndarray] | None = None,
        **more: float,
    ) -> None:
        """Predict every test image with ``predict`` and write down what was reached.

        Several ``names`` are budgets that were all passed by the same step.
        ``predict`` gives the probability of cell or object, float32 (y, x), or with kind "objects"
        int32 ids; ``own`` the ids that go with a probability, and is not timed.
        """
        names = [names] if isinstance(names, str) else names
        name = names[0]
        times = []
        for number, image in enumerate(self.test):
            clock = time.perf_counter()
            answer = predict(image)
            times.append(time.perf_counter() - clock)
            self._write(name, kind, number, answer)
            if own is not None:
                self._write(name, "objects", number, own(answer))
        line = {
            "folder": name,
            "seconds": round(seconds, 3),
            "steps": steps,
            "predict_seconds": round(statistics.median(times), 4),
            **{key: round(value, 4) for key, value in more.items()},
        }
        with (self.folder / "marks.jsonl").open("a") as file:
            for one in names:
                file.write(json.dumps({"mark": one} | line) + "\n")
        print(names, line, flush=True)

    def _write(self, name: str, kind: str, number: int, answer: np.ndarray) -> None:
        if answer.shape != self.test[number].shape:
            raise ValueError(f"prediction {answer.shape} of an image {self.test[number].shape}")
        folder = self.folder / "out" / name / kind
        folder.mkdir(parents=True, exist_ok=True)
        dtype = np.float32 if kind == "probability" else np.int32
        np.save(folder / f"{number:03d}.npy", np.asarray(answer, dtype))

    def versions(self, *packages: str) -> None:
        """Write down the versions of ``packages``."""
        found = {}
        for name in packages:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        (self.folder / "versions.json").write_text(json.dumps(found))


def label_of(budget: float) -> str:
    """The mark of a budget: "30" for 30.0 seconds."""
    return f"{budget:g}"


def open_job() -> Job:
    """The job whose folder is the only argument."""
    return Job(Path(sys.argv[1]))
