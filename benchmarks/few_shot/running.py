"""One method on one task: a job folder, a process, and the scores of what it left there."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.few_shot.environments import MissingError, interpreter
from benchmarks.few_shot.machine import about_machine, about_project
from benchmarks.few_shot.methods import METHODS, Method
from benchmarks.few_shot.scoring import score
from benchmarks.few_shot.sets import TASKS, Array, Part, Task

PEERS = Path(__file__).parent / "peers"
SRC = Path(__file__).resolve().parents[2] / "src"


@dataclass(frozen=True)
class Plan:
    """What to run. ``options`` go to the method as they are: settings of a training for ours."""

    task: str
    method: str
    budgets: tuple[float, ...]
    seed: int = 0
    part: Part = "test"
    options: dict[str, Any] = field(default_factory=dict)
    threads: int = 2
    envs: Path | None = None
    patience: float = 1800
    """Seconds that a method may take beyond three times its budgets."""

    def key(self, mark: str) -> dict[str, Any]:
        """What a line of the results is known by."""
        return {
            "set": self.task,
            "part": self.part,
            "method": self.method,
            "options": self.options,
            "budget": mark,
            "seed": self.seed,
            "threads": self.threads,
        }

    @property
    def given(self) -> dict[str, Any]:
        """The options that the method's file gets."""
        return METHODS[self.method].options | self.options

    @property
    def marks(self) -> list[str]:
        """The budgets as they are written, or "all" where a method has none."""
        return [f"{b:g}" for b in self.budgets] if METHODS[self.method].budgets else ["all"]


def run(plan: Plan) -> Iterator[dict[str, Any]]:
    """The result lines of one method on one task, one for each budget.

    Raises
    ------
    MissingError
        The method is not there or failed; lines that it reached before have been yielded.
    """
    task, method = TASKS[plan.task], METHODS[plan.method]
    if task.kind not in method.kinds:
        raise MissingError(f"{method.title} finds objects and is not run on {task.title}.")
    environment = method.environment or method.name
    python = interpreter(environment, None if plan.method == "ours" else plan.envs)
    machine = about_machine(plan.threads)
    with tempfile.TemporaryDirectory(prefix="few-shot-") as name:
        folder = Path(name)
        write_job(folder, task, plan)
        problem = _execute(python, method, folder, plan)
        yield from _results(folder, task, plan, machine)
    if problem:
        raise MissingError(problem)


def write_job(folder: Path, task: Task, plan: Plan) -> None:
    """Fill a job folder; see ``peers/job.py``."""
    job = {
        "kind": task.kind,
        "budgets": plan.budgets,
        "seed": plan.seed,
        "threads": plan.threads,
        "options": plan.given,
    }
    (folder / "job.json").write_text(json.dumps(job))
    _write(folder / "train", [p.image for p in task.train])
    _write(folder / "labels", [task.target(p) for p in task.train])
    if task.kind == "objects":
        _write(folder / "objects", [p.labels for p in task.train])
    _write(folder / "test", [p.image for p in task.scored(plan.part)])


def _write(folder: Path, arrays: Sequence[Array]) -> None:
    folder.mkdir()
    for number, array in enumerate(arrays):
        np.save(folder / f"{number:03d}.npy", array)


def _execute(python: Path, method: Method, folder: Path, plan: Plan) -> str:
    """Run the method; returns what went wrong in one sentence, or nothing."""
    threads = str(plan.threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMBA_NUM_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # Threads that sleep soon save every method on a busy machine; at once would cost a sixth.
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "1000",
    }
    environment.pop("PYTHONPATH", None)
    if method.name == "ours":
        environment["PYTHONPATH"] = str(SRC)
        environment["THP_MEM_ALLOC_ENABLE"] = "1"  # torch reads it when it is imported
    log = folder / "log.txt"
    try:
        with log.open("w") as stream:
            subprocess.run(
                [str(python), str(PEERS / method.file), str(folder)],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                timeout=3 * sum(plan.budgets) + plan.patience,
                check=True,
            )
    except subprocess.TimeoutExpired:
        return f"{method.title} on {plan.task} was ended: it took too long."
    except subprocess.CalledProcessError as error:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        keep = Path(tempfile.gettempdir()) / f"few-shot-{method.name}-{plan.task}.log"
        keep.write_text(log.read_text(errors="replace"))
        reason = last[-1].strip()[:200] if last else f"exit status {error.returncode}"
        return f"{method.title} on {plan.task} failed: {reason} (see {keep})."
    return ""


def _results(
    folder: Path, task: Task, plan: Plan, machine: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    marks = folder / "marks.jsonl"
    if not marks.exists():
        return
    versions = folder / "versions.json"
    known = json.loads(versions.read_text()) if versions.exists() else {}
    if plan.method == "ours":
        known |= about_project()
    pairs = task.scored(plan.part)
    for line in marks.read_text().splitlines():
        mark = json.loads(line)
        out = folder / "out" / mark.pop("folder")
        scores = score(task, pairs, _read(out / "probability"), _read(out / "objects"))
        yield (
            plan.key(mark.pop("mark"))
            | mark
            | {
                "scores": {
                    how: {name: round(float(value), 4) for name, value in values.items()}
                    for how, values in scores.items()
                },
                "versions": known,
                "machine": machine,
            }
        )


def _read(folder: Path) -> list[Array]:
    return [np.load(file) for file in sorted(folder.glob("*.npy"))]
