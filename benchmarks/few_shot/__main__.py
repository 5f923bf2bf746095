"""Run, table, plot, first: see README.md.

python -m benchmarks.few_shot run --sets isbi-4 --methods ours,forest --budgets 1,5
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.few_shot import first, plot, results, table
from benchmarks.few_shot.environments import MissingError
from benchmarks.few_shot.machine import cores
from benchmarks.few_shot.methods import METHODS
from benchmarks.few_shot.running import Plan, run
from benchmarks.few_shot.sets import TASKS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_shot", description=__doc__)
    commands = parser.add_subparsers(required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--results", type=Path, default=results.RESULTS)
    common.add_argument("--sets", type=_names(TASKS), default=list(TASKS), help="default: all")
    common.add_argument("--tuning", action="store_true", help="held-back training images instead")
    common.add_argument("--seeds", type=_numbers(int), default=[0], help="e.g. 0,1,2")
    common.add_argument("--threads", type=int, default=cores())
    common.add_argument("--envs", type=Path, help="folder of the peers' environments")
    common.add_argument("--again", action="store_true", help="also what is there already")
    one = commands.add_parser("run", parents=[common], help="measure what is not there yet")
    one.add_argument("--methods", type=_names(METHODS), default=["ours", "forest", "monai"])
    one.add_argument("--budgets", type=_numbers(float), default=[1, 5, 10, 30, 120])
    one.add_argument("--preset", help="ours: the recipe")
    one.add_argument("--start", help="ours: general, random or a model file")
    one.add_argument("--live", action="store_true", help="ours: one training, looked at on the way")
    one.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="option")
    one.set_defaults(command=measure)
    soon = commands.add_parser("first", parents=[common], help="seconds to the forest's score")
    soon.add_argument("--preset", help="the recipe")
    soon.add_argument("--start", help="general, random or a model file")
    soon.add_argument("--looks", type=_numbers(float), default=list(first.LOOKS), help="seconds")
    soon.set_defaults(command=first_mask)
    show = commands.add_parser("table", parents=[common], help="print the results in Markdown")
    show.set_defaults(command=lambda options: print(table.markdown(_shown(options))))
    draw = commands.add_parser("plot", parents=[common], help="draw the results as PNG")
    draw.add_argument("--out", type=Path, default=Path("few_shot.png"))
    draw.set_defaults(command=lambda options: plot.draw(_shown(options)).save(options.out))
    for command in (show, draw):
        command.add_argument("--live", action="store_true", help="also the looks of live trainings")
    options = parser.parse_args()
    options.part = "tuning" if options.tuning else "test"
    options.command(options)


def measure(options: argparse.Namespace) -> None:
    """All methods on all sets, one after the other, seed by seed."""
    known = {results.identity(line) for line in results.read(options.results)}
    for seed in options.seeds:
        for task in options.sets:
            for method in options.methods:
                plan = Plan(
                    task,
                    method,
                    tuple(options.budgets),
                    seed,
                    options.part,
                    _options(options, method),
                    options.threads,
                    options.envs,
                )
                measure_one(plan, options.results, set() if options.again else known)


def measure_one(plan: Plan, path: Path, known: set[str]) -> None:
    """Run a plan as far as its results are not there; what cannot be run is said and skipped."""
    missing = [m for m in plan.marks if results.identity(plan.key(m)) not in known]
    if not missing:
        return
    if missing != ["all"]:
        plan = Plan(**{**vars(plan), "budgets": tuple(float(m) for m in missing)})
    try:
        for line in run(plan):
            results.append(path, line)
            shown = {name: results.scores(line)[name] for name in TASKS[plan.task].metrics}
            head = f"{plan.task} {plan.method} {line['budget']} s, seed {plan.seed}:"
            print(head, json.dumps(shown | {"seconds": line["seconds"]}), flush=True)
    except MissingError as error:
        print(f"Skipped: {error}", file=sys.stderr, flush=True)


def first_mask(options: argparse.Namespace) -> None:
    """Measure what :mod:`first` needs, and print its table."""
    recipe = {k: v for k in ("preset", "start") if (v := getattr(options, k))} | {"live": True}
    known = {results.identity(line) for line in results.read(options.results)}
    for seed in options.seeds:
        for task in options.sets:
            for method, budgets, given in (
                ("forest", (), {}),
                ("ours", tuple(options.looks), recipe),
            ):
                plan = Plan(
                    task,
                    method,
                    budgets,
                    seed,
                    options.part,
                    given,
                    options.threads,
                    options.envs,
                )
                measure_one(plan, options.results, set() if options.again else known)
    print(first.markdown(_chosen(options), recipe))


def _chosen(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The results of these sets and of this part, with this number of threads."""
    return [
        line
        for line in results.read(options.results)
        if line["set"] in options.sets
        and line["part"] == options.part
        and line["threads"] == options.threads
    ]


def _shown(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Live trainings, which have many looks, only when asked for."""
    return [one for one in _chosen(options) if options.live or "live" not in one["options"]]


def _options(options: argparse.Namespace, method: str) -> dict[str, Any]:
    """Options of a method; those of our training go to ours only."""
    chosen: dict[str, Any] = {}
    if method == "ours":
        chosen = {k: getattr(options, k) for k in ("preset", "start") if getattr(options, k)}
        if options.live:
            chosen["live"] = True
    for item in options.set:
        name, _, value = item.partition("=")
        owner, dot, rest = name.partition(".")
        if not dot:
            owner, rest = "ours", name
        if owner == method:
            chosen[rest] = _value(value)
    return chosen


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _names(known: dict[str, Any]) -> Any:
    def parse(text: str) -> list[str]:
        names = list(known) if text == "all" else text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return names

    return parse


def _numbers(kind: type) -> Any:
    def parse(text: str) -> list[Any]:
        return [kind(part) for part in text.split(",")]

    parse.__name__ = kind.__name__
    return parse


if __name__ == "__main__":
    main()
