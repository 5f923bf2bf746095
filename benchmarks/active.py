"""Where to annotate next: advice against foreground-aware random choice, simulated.

A pool of images, of which each round one window is labelled wholly (from the truth) where the
strategy says; then training goes on for STEPS, and test images are scored (mean IoU over classes).
All strategies begin with the same window. Each finished run is kept in --out and not made again.

python benchmarks/active.py [--data dsb isbi u373] [--rounds 8] [--steps 30] [--seeds 3]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from pools import SIDE, Pair, Pool, load, nothing_painted, suggestions

from napari_unet.guidance import Suggestion, Weights

SETTINGS = {"tile": 96, "batch": 4, "arguments": {"width": 12, "depth": 3}}
STRATEGIES: dict[str, Weights | None] = {
    "random": None,
    "advice": Weights(),
    "uncertain": Weights(1, 0, 0),
    "unlike": Weights(0, 1, 0),
}


def first_window(pool: list[Pair], generator: np.random.Generator) -> Suggestion:
    """A window with both classes."""
    while True:
        number = int(generator.integers(len(pool)))
        truth = pool[number][1]
        y, x = (int(generator.integers(max(1, n - SIDE))) for n in truth.shape)
        if 0.1 < truth[y : y + SIDE, x : x + SIDE].mean() < 0.9:
            return Suggestion((number,), ((y, y + SIDE), (x, x + SIDE)), 0, ())


def label(pool: list[Pair], painted: list[np.ndarray], where: Suggestion) -> int:
    """Label a window from the truth; the number of its image."""
    number = where.index[0]
    part = tuple(slice(a, b) for a, b in where.box)
    painted[number][part] = pool[number][1][part] + 1
    return number


def simulate(name: str, strategy: str, seed: int, rounds: int, steps: int) -> list[float]:
    """Mean IoU on the test images after 1, 2, .. labelled windows."""
    pool, test = load(name)
    painted = nothing_painted(pool)
    label(pool, painted, first_window(pool, np.random.default_rng(seed)))
    state = Pool(pool, painted, seed, settings=SETTINGS)
    scores = []
    for number in range(rounds):
        state.train(steps)
        state.refresh()
        scores.append(round(float(np.nanmean(state.ious(test))), 4))
        if number == rounds - 1:
            break
        lot = 1000 * seed + number
        where = suggestions(state.terms(), STRATEGIES[strategy], 1, lot)[0]
        state.tell(label(pool, painted, where))
    return scores


def summary(found: dict[str, list[float]]) -> None:
    """The mean over seeds by data set and strategy: after the last round, and over all rounds."""
    groups: dict[tuple[str, str], list[list[float]]] = {}
    for key, scores in found.items():
        name, strategy, *_ = key.split("/")
        groups.setdefault((name, strategy), []).append(scores)
    for (name, strategy), runs in sorted(groups.items()):
        curve = np.mean(runs, axis=0)
        print(
            f"{name:6} {strategy:10} n={len(runs)} mean {curve[1:].mean():.3f} last {curve[-1]:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["dsb", "isbi", "u373"])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("active.json"))
    options = parser.parse_args()
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    for seed in range(options.seeds):
        for name in options.data:
            for strategy in options.strategies:
                key = f"{name}/{strategy}/{seed}/{options.rounds}/{options.steps}"
                if key in found:
                    continue
                found[key] = simulate(name, strategy, seed, options.rounds, options.steps)
                options.out.write_text(json.dumps(found, indent=1))
                print(key, found[key], flush=True)
    summary(found)


if __name__ == "__main__":
    main()
