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
from common import data, read

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.core import make_trainer
from napari_unet.evaluation.overlap import confusion, iou
from napari_unet.guidance import Suggestion, Terms, Weights, draw, rank_planes, terms_of
from napari_unet.guidance.terms import features_of, labelled_features
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage

SIDE = 64
SETTINGS = {"tile": 96, "batch": 4, "arguments": {"width": 12, "depth": 3}}
STRATEGIES: dict[str, Weights | None] = {
    "random": None,
    "advice": Weights(),
    "uncertain": Weights(1, 0, 0),
    "unlike": Weights(0, 1, 0),
}
Pair = tuple[np.ndarray, np.ndarray]


def load(name: str) -> tuple[list[Pair], list[Pair]]:
    """(pool, test): pairs of image and class map."""
    if name == "dsb":
        folders = [data("dsb2018_fluo") / part for part in ("train", "test")]
        parts = [sorted((f / "images").iterdir()) for f in folders]
        parts = [parts[0][::8][:8], parts[1][:10]]
    elif name == "isbi":
        folders = [data("isbi2012")] * 2
        files = sorted((folders[0] / "images").iterdir())
        parts = [files[0:12:4], files[20:30:4]]
    else:
        folders = [data("ctc_phc_u373")] * 2
        files = sorted((folders[0] / "images").iterdir())
        half = len(files) // 2
        parts = [files[:half:6], files[half::6]]
    pairs = []
    for folder, files in zip(folders, parts, strict=True):
        pairs.append([_pair(f, folder / "masks") for f in files])
    return pairs[0], pairs[1]


def _pair(path: Path, masks: Path) -> Pair:
    mask = next(m for m in masks.iterdir() if m.stem == path.stem)
    return read(path), (read(mask) > 0).astype(np.uint8)


class Pool:
    """Images of which some windows are labelled, and a network that learns them."""

    def __init__(self, pool: list[Pair], seed: int) -> None:
        self.pool = pool
        # Kind scribbles: class maps of 0 and 255 would be taken for masks.
        self.strokes = [np.zeros(t.shape, np.uint8) for _, t in pool]
        self.features = [features_of(image[None]) for image, _ in pool]
        generator = np.random.default_rng(seed)
        self.label(self._first(generator))
        # All images from the start, labelled or not: the normalisation must suit the whole pool.
        self.trainer = make_trainer(
            [
                LabelledImage(Image(str(n), image, "yx"), Image(str(n), labels, "yx"), "scribbles")
                for n, ((image, _), labels) in enumerate(zip(pool, self.strokes, strict=True))
            ],
            settings=SETTINGS,
            classes=2,
            start="auto",
            seed=seed,
            validation="none",
            device="cpu",
            precision="float32",
        )
        for number in range(len(pool)):
            self._tell(number)

    def _first(self, generator: np.random.Generator) -> Suggestion:
        """A window with both classes."""
        while True:
            number = int(generator.integers(len(self.pool)))
            truth = self.pool[number][1]
            y, x = (int(generator.integers(max(1, n - SIDE))) for n in truth.shape)
            if 0.1 < truth[y : y + SIDE, x : x + SIDE].mean() < 0.9:
                return Suggestion((number,), ((y, y + SIDE), (x, x + SIDE)), 0, ())

    def label(self, where: Suggestion) -> None:
        number = where.index[0]
        part = tuple(slice(a, b) for a, b in where.box)
        self.strokes[number][part] = self.pool[number][1][part] + 1

    def learn(self, where: Suggestion | None, steps: int) -> None:
        if where is not None:
            self.label(where)
            self._tell(where.index[0])
        until = self.trainer.step + steps
        for _ in self.trainer.run():
            if self.trainer.step >= until:
                self.trainer.stop()

    def _tell(self, number: int) -> None:
        name = str(number)
        if (name, ()) in self.trainer.data.planes or self.strokes[number].any():
            self.trainer.update_labels(name, ())

    def predict(self, image: np.ndarray) -> np.ndarray:
        opened = Image("test", image, "yx")
        normalised = self.trainer.data.normalisation.for_image(opened)
        box = tuple((0, n) for n in image.shape)

        return self._predictor.region(
            lambda part: normalised.apply(opened.read((), part)), image.shape, box
        )

    @property
    def labels(self) -> list[np.ndarray]:
        """Class maps."""
        return [np.where(s == 0, UNLABELLED, s - np.uint8(1)) for s in self.strokes]

    def refresh(self) -> None:
        self._predictor = self.trainer.predictor()

    def terms(self) -> list[tuple[tuple[int, ...], Terms]]:
        known = [
            labelled_features(f, one) for f, one in zip(self.features, self.labels, strict=True)
        ]
        counts = sum(
            np.bincount(one[one != UNLABELLED].ravel(), minlength=2)[:2] for one in self.labels
        )
        return [
            (
                (n,),
                terms_of(
                    self.predict(image),
                    self.labels[n],
                    image[None],
                    side=SIDE,
                    labelled=counts,
                    known=np.concatenate(known),
                ),
            )
            for n, (image, _) in enumerate(self.pool)
        ]

    def score(self, test: list[Pair]) -> float:
        table = np.zeros((2, 2), np.int64)
        for image, truth in test:
            table += confusion(self.predict(image).argmax(0), truth, 2)
        return float(np.nanmean(iou(table)))


def simulate(name: str, strategy: str, seed: int, rounds: int, steps: int) -> list[float]:
    """Mean IoU on the test images after 1, 2, .. labelled windows."""
    pool, test = load(name)
    state = Pool(pool, seed)
    scores, where = [], None
    for number in range(rounds):
        state.learn(where, steps)
        state.refresh()
        scores.append(round(state.score(test), 4))
        if number == rounds - 1:
            break
        planes = state.terms()
        weights = STRATEGIES[strategy]
        if weights is None:
            where = draw(planes, count=1, seed=1000 * seed + number)[0]
        else:
            where = rank_planes(planes, count=1, weights=weights)[0]
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
