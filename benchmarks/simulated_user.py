"""How fast a person gets there: a robot paints corrective strokes while the network learns.

It knows the truth, begins with two strokes of each class and watches for the time of one stroke.
Then it paints stroke after stroke, SECONDS each, in which the network makes --steps-per-stroke
steps (a number, so that results do not depend on what else the machine does). Each stroke lies on
the largest error, in the prediction from before it, within the region that the policy names.

advice   the first of the ten regions of "Where next" in which something is wrong
random   the same with regions drawn by lot, with more chance where foreground is predicted
full     the yardstick: everything labelled from the start, the same recipe and number of steps

Scores are IoUs on test images, which are never painted on. One line of JSON for each finished run
goes to --out and is not made again: stop it and go on whenever you like.
`python benchmarks/simulated_user_report.py` draws the curves.

python benchmarks/simulated_user.py [--sets dsb isbi u373] [--policies full advice random]
    [--seeds 3] [--strokes 40] [--steps-per-stroke 15] [--preset live]
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, about_machine
from pools import Pair, Pool, load, nothing_painted, suggestions, wholly_painted
from strokes import largest_error, stroke, wrong_pixels

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.guidance import Suggestion, Weights

RESULTS = ROOT / "benchmarks" / "results" / "simulated_user.jsonl"
SECONDS = 5.0
"""Of the robot's time for one stroke."""
FIRST = 2
"""Strokes per class to begin with."""
REGIONS = 10
"""Of the list that the robot goes through until something is wrong."""
MARGIN = 50
"""Pixels at the border of U373 in which cells are visible but not labelled: no truth there."""
POLICIES: dict[str, Weights | None] = {"advice": Weights(), "random": None}
SETTINGS = ("set", "policy", "seed", "strokes", "steps_per_stroke", "preset")
"""What makes a run another one."""


def images_of(name: str) -> tuple[list[Pair], list[Pair]]:
    """(pool, test), with UNLABELLED where the truth is not known."""
    pool, test = load(name)
    if name == "u373":
        for _, truth in (*pool, *test):
            known = truth[MARGIN:-MARGIN, MARGIN:-MARGIN].copy()
            truth[:] = UNLABELLED
            truth[MARGIN:-MARGIN, MARGIN:-MARGIN] = known
    return pool, test


class Robot:
    """Paints on ``painted`` (0 nothing, else 1 + class) what it knows from the pool's truth."""

    def __init__(self, pool: list[Pair], painted: list[np.ndarray], seed: int) -> None:
        self.pool, self.painted = pool, painted
        self.generator = np.random.default_rng(seed)
        self.looked_at = 0
        """Regions in which nothing was wrong."""

    def begin(self) -> None:
        """Two strokes of each class, anywhere."""
        for value in (0, 1):
            images = [n for n, (_, truth) in enumerate(self.pool) if (truth == value).any()]
            for _ in range(FIRST):
                number = images[self.generator.integers(len(images))]
                area = self.pool[number][1] == value
                places = np.argwhere(area)
                within = np.zeros(area.shape, bool)
                within[tuple(places[self.generator.integers(len(places))])] = True
                self._paint(number, area, within, area, value)

    def correct(self, predicted: list[np.ndarray], regions: list[Suggestion]) -> int:
        """A stroke on the largest error in the first region that has one; the image's number.

        ``predicted``: class maps of the pool. Where no region has an error, the stroke corrects the
        largest one of the whole image that the first region lies in, or confirms that region.
        """
        for region in regions:
            if self._correct(predicted, region.index[0], region.box):
                return region.index[0]
            self.looked_at += 1
        number = regions[0].index[0]
        truth = self.pool[number][1]
        if not self._correct(predicted, number, tuple((0, n) for n in truth.shape)):
            self._confirm(number, regions[0])
        return number

    def _correct(
        self, predicted: list[np.ndarray], number: int, box: tuple[tuple[int, int], ...]
    ) -> bool:
        truth = self.pool[number][1]
        wrong = wrong_pixels(predicted[number], truth, self.painted[number])
        found = largest_error(wrong, truth, box)
        if found is None:
            return False
        piece, value = found
        self._paint(number, truth == value, piece, wrong, value)
        return True

    def _confirm(self, number: int, region: Suggestion) -> None:
        truth = self.pool[number][1]
        within = np.zeros(truth.shape, bool)
        within[tuple(slice(a, b) for a, b in region.box)] = True
        known = within & (truth != UNLABELLED)
        if known.any():
            value = int(np.bincount(truth[known]).argmax())
            area = truth == value
            self._paint(number, area, within & area, self.painted[number] == 0, value)

    def _paint(
        self, number: int, area: np.ndarray, within: np.ndarray, wrong: np.ndarray, value: int
    ) -> None:
        self.painted[number][stroke(area, within, wrong, self.generator)] = value + 1


def simulate(pool: list[Pair], test: list[Pair], run: dict[str, Any]) -> dict[str, Any]:
    """What came out of a run with the SETTINGS ``run``.

    ``iou``: by class, for each number of strokes from the first ones on; of ``full`` once, at the
    end. ``painted``: pixels in the end; ``looked_at``: regions in which nothing was wrong, so far.
    """
    seed, first, steps = run["seed"], 2 * FIRST, run["steps_per_stroke"]
    if run["policy"] == "full":
        state = Pool(pool, wholly_painted(pool), seed, preset_name=run["preset"])
        state.train(steps * (run["strokes"] - first + 1))
        state.refresh()
        return {"iou": [_rounded(state.ious(test))]}
    painted = nothing_painted(pool)
    robot = Robot(pool, painted, seed)
    robot.begin()
    state = Pool(pool, painted, seed, preset_name=run["preset"])
    state.train(steps)
    state.refresh()
    scores, looked_at = [_rounded(state.ious(test))], [0]
    for number in range(first, run["strokes"]):
        lot = 1000 * seed + number
        regions = suggestions(state.terms(), POLICIES[run["policy"]], REGIONS, lot)
        predicted = [p.argmax(0) for p in state.predictions]
        # While the robot paints, the network knows only the strokes from before.
        state.train(steps)
        state.tell(robot.correct(predicted, regions))
        state.refresh()
        scores.append(_rounded(state.ious(test)))
        looked_at.append(robot.looked_at)
    total = sum(int((one > 0).sum()) for one in painted)
    return {"iou": scores, "painted": total, "looked_at": looked_at}


def seconds_at(strokes: int) -> float:
    """The robot's time when so many strokes are painted; one more it has watched at the start."""
    return SECONDS * (strokes + 1)


def _rounded(values: list[float]) -> list[float | None]:
    return [None if math.isnan(v) else round(v, 4) for v in values]


def read_results(path: Path) -> list[dict[str, Any]]:
    """All finished runs."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["dsb", "isbi", "u373"]
    parser.add_argument("--sets", nargs="+", default=names, choices=names)
    policies = ["full", *POLICIES]
    parser.add_argument("--policies", nargs="+", default=policies, choices=policies)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strokes", type=int, default=40, help="in all, the first ones included")
    parser.add_argument("--steps-per-stroke", type=int, default=15)
    parser.add_argument("--preset", default="live")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.strokes < 2 * FIRST:
        parser.error(f"the robot begins with {2 * FIRST} strokes: --strokes must not be fewer")
    done = [[one[key] for key in SETTINGS] for one in read_results(options.out)]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for name in options.sets:
            for policy in options.policies:
                values = (name, policy, seed, options.strokes, options.steps_per_stroke)
                run = dict(zip(SETTINGS, (*values, options.preset), strict=True))
                if list(run.values()) in done:
                    continue
                found = simulate(*images_of(name), run)
                line = json.dumps(run | found | {"machine": about_machine()})
                with options.out.open("a") as file:
                    file.write(line + "\n")
                print(line, flush=True)


if __name__ == "__main__":
    main()
