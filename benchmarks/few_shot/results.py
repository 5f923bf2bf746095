"""The results: a file with one line of JSON for each run, appended and never rewritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results" / "few_shot_methods.jsonl"


def read(path: Path) -> list[dict[str, Any]]:
    """All lines; of those with one key only the last, so that a repetition replaces."""
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return list({identity(line): line for line in lines}.values())


def identity(line: dict[str, Any]) -> str:
    """The key of :meth:`running.Plan.key` as text."""
    names = ("set", "part", "method", "options", "budget", "seed", "threads")
    return json.dumps([line[name] for name in names], sort_keys=True)


def append(path: Path, line: dict[str, Any]) -> None:
    """Add one line, at once on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def scores(line: dict[str, Any]) -> dict[str, float]:
    """The scores that count: objects cut as everybody's are, else the method's own."""
    found: dict[str, dict[str, float]] = line["scores"]
    return found.get("same") or found.get("own") or {}
