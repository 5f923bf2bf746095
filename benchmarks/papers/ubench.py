"""U-Bench in small: every 2D network on every 2D set of ``shared/data`` after the same time.

python benchmarks/papers/ubench.py [--budget 60s] [--sets a,b] [--networks a,b|all] [--images 12]
    [--preset live] [--seed 0] [--steps N]

IoU, parameters, multiply-adds, frames per second, relative U-Score and the paired t-test against
U-Net by image come from :mod:`napari_unet.comparison`; only the folds are replaced by the fixed
splits of :mod:`sets`, so that each network is trained once on each set. Zero-shot: the networks of
fluorescent nuclei on stained blood cells, those of ISBI's membranes on the other EM set.

Every finished run (a network on a set) is a file under ``--work``; killed and repeated, the script
does what is missing. Results of a set are written after each of its runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Literal

from common_papers import Records, key_of, length_of, rounded, run_options
from sets import SETS, Set

from napari_unet.comparison import one_run
from napari_unet.comparison.one_run import Task
from napari_unet.comparison.records import RunResult, Settings
from napari_unet.comparison.report import as_json
from napari_unet.comparison.store import Store
from napari_unet.comparison.summary import REFERENCE, summarise
from napari_unet.model.provenance import image_hash
from napari_unet.networks import registry
from napari_unet.prediction.device import choose_device, choose_precision
from napari_unet.training.data import LabelledImage
from napari_unet.training.presets import preset


def main() -> None:
    parser = options_parser(__doc__.splitlines()[0])
    options = parser.parse_args()
    records = Records(options.out / f"{options.name}.json")
    for name in options.sets.split(","):
        bench = Bench(SETS[name](options.images), options)
        for network in networks_of(options.networks):
            known = bench.finished(network)
            found = known or bench.run(network)
            if known is None:
                records.add(bench.key, bench.summary())
                print(f"{name}, {network}: {told(found, bench.set.metric)}", flush=True)
        records.add(bench.key, bench.summary())


def options_parser(about: str) -> argparse.ArgumentParser:
    """Options of this script and of those that build on its results."""
    parser = argparse.ArgumentParser(description=about)
    run_options(parser, budget="60s")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--networks", default="all")
    parser.add_argument("--images", type=int, default=12, help="tested of each set, at most")
    parser.add_argument("--name", default="ubench", help="of the file of results")
    return parser


def networks_of(text: str) -> list[str]:
    """Names in the registry, the reference first."""
    if text == "all":
        wanted = [n for n in registry.names() if 2 in registry.spec(n).dims]
    else:
        wanted = text.split(",")
    # Optional packages may add networks; they are no part of this table.
    wanted = [n for n in wanted if not n.startswith("monai")]
    return [REFERENCE, *(n for n in wanted if n != REFERENCE)]


class Bench:
    """One set, and the runs on it that are finished."""

    def __init__(self, one: Set, options: argparse.Namespace) -> None:
        self.set, self.options = one, options
        steps, budget = length_of(options)
        device = choose_device(options.device)
        recipe = preset(options.preset).model_dump(mode="json", exclude={"network", "arguments"})
        self.settings = Settings(
            images=_prints([*one.learn, *one.test]),
            transfer=_prints(one.zero_shot),
            kind=one.kind,
            classes=one.classes,
            channels=one.channels,
            dims=2,
            folds=1,
            budget=budget,
            steps=steps,
            recipe=recipe,
            start="random",
            seed=options.seed,
            device=device.type,
            precision=choose_precision(options.precision, device),
        )
        settings = self.settings.model_dump(mode="json")
        folder = options.work / "ubench" / f"{one.name}-{key_of(settings)}"
        self.store = Store(Path(folder), self.settings)
        self.done: dict[str, RunResult] = {}
        self._warm = False
        self.key = {
            "set": one.name,
            "budget": None if options.steps else options.budget,
            "steps": options.steps,
            "preset": options.preset,
            "seed": options.seed,
            "images": options.images,
        }

    def finished(self, network: str) -> RunResult | None:
        """The result of an earlier run."""
        found = self.store.finished(network, 1, self.arguments(network))
        if found is not None:
            self.done[network] = found
        return found

    def run(
        self,
        network: str,
        arguments: dict[str, Any] | None = None,
        start: Literal["random", "general"] = "random",
    ) -> RunResult:
        """Train and test; kept is the result of the usual ``arguments`` and ``start``."""
        task = self._task(network, arguments or self.arguments(network))
        if not self._warm:  # torch's own start is on nobody's account
            one_run.warm_up(self._task(REFERENCE, self.arguments(REFERENCE)), self.settings)
            self._warm = True
        result: RunResult | None = None
        settings = self.settings.model_copy(update={"start": start})
        for event in one_run.run(task, settings):
            if isinstance(event, RunResult):
                result = event
        assert result is not None
        if arguments is None and start == "random":
            self.store.write(result)
            self.done[network] = result
        return result

    def arguments(self, network: str) -> dict[str, Any]:
        """Those that the preset takes for this network."""
        chosen = preset(self.options.preset, network=network).arguments
        return registry.check_arguments(network, chosen, 2).model_dump(mode="json")

    def summary(self) -> dict[str, Any]:
        """A row for each finished network, with its tests against U-Net."""
        found = summarise(self.settings, list(self.done.values()), list(self.done), self.set.metric)
        plain = as_json(found)
        values = {
            row.network: list(row.test.values.values()) for row in found.rows if not row.failed
        }
        return {
            "what": self.set.what,
            "kind": self.set.kind,
            "metric": self.set.metric,
            "trained_on": len(self.set.learn),
            "tested_on": len(self.set.test),
            "zero_shot": self.set.zero_shot_name,
            "networks": rounded(plain["networks"]),
            "values": rounded(values),
        }

    def _task(self, network: str, arguments: dict[str, Any]) -> Task:
        one = self.set
        return Task(network, arguments, 1, one.learn, one.test, one.zero_shot)


def told(found: RunResult, metric: str) -> str:
    """A line for the one who waits."""
    if found.failed:
        return f"failed. {found.failed}"
    return f"{metric} {mean_of(found, metric):.3f} after {found.steps} steps"


def mean_of(found: RunResult, metric: str) -> float:
    """Mean over the tested images; nan where nothing is defined."""
    known = [v for one in found.test if (v := one.values[metric]) is not None]
    return sum(known) / len(known) if known else float("nan")


def _prints(images: list[LabelledImage]) -> dict[str, str]:
    """A fingerprint of each image and its labels."""
    return {
        one.image.name: key_of({"image": image_hash(one.image), "labels": image_hash(one.labels)})
        for one in images
    }


if __name__ == "__main__":
    main()
