"""Is the advice good? On every 2D set: what is advised, the best network, and always U-Net.

python benchmarks/advise_evaluation.py [--budget 60s] [--sets a,b] [--images 12] [--steps N]

The advice sees the training part of a set only. What it puts first is trained and tested as
`papers/ubench.py` does, with the same options, and from its results where they exist; run that
first. Network and its arguments are followed, tile and sigma are not: a comparison trains all
networks alike. The best network is the best on the test images, known only afterwards. A comparison
begins with random weights; one reason for the advice is that there are start weights, so its choice
is also trained as the window and the commands do it, from them where they fit.

Results are added to benchmarks/results/papers/advise.json after each set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "papers"))

from common_papers import Records, rounded
from sets import SETS
from ubench import REFERENCE, Bench, mean_of, networks_of, options_parser

from napari_unet.advice.advising import advise
from napari_unet.start.general import general_weights


def main() -> None:
    parser = options_parser(__doc__.splitlines()[0])
    parser.set_defaults(name="advise")
    options = parser.parse_args()
    records = Records(options.out / f"{options.name}.json")
    for name in options.sets.split(","):
        bench = Bench(SETS[name](options.images), options)
        known = [n for n in networks_of(options.networks) if bench.finished(n)]
        key = bench.key | {"networks": known}
        if records.find(key) is None:
            records.add(key, evaluate(bench))
        print(f"{name}: {records.find(key)}", flush=True)


def evaluate(bench: Bench) -> dict[str, Any]:
    """The advice and how well it did; U-Net is trained if it was not yet."""
    one = bench.set
    clock = time.perf_counter()
    advised = advise([i.image for i in one.learn], [i.labels for i in one.learn], kind=one.kind)
    seconds = time.perf_counter() - clock
    choice = advised.choices[0].candidate
    if REFERENCE not in bench.done:
        bench.run(REFERENCE)
    usual = choice.arguments == bench.arguments(choice.network)
    if usual and choice.network in bench.done:
        chosen = bench.done[choice.network]
    else:
        chosen = bench.run(choice.network, None if usual else choice.arguments)
    started = None
    where = {"dims": 2, "channels": bench.settings.channels}
    if general_weights(choice.network, choice.arguments, **where) is not None:
        started = bench.run(choice.network, None if usual else choice.arguments, "general")
    values = {n: mean_of(r, one.metric) for n, r in bench.done.items() if not r.failed}
    best = max(values, key=lambda n: values[n])
    found: dict[str, Any] = {
        "metric": one.metric,
        "advised": choice.network,
        "arguments": choice.arguments,
        "as_unet": usual and choice.network == REFERENCE,
        "why": advised.choices[0].why,
        "seconds_for_advice": seconds,
        "value": float("nan") if chosen.failed else mean_of(chosen, one.metric),
        "from_start_weights": None
        if started is None or started.failed
        else mean_of(started, one.metric),
        "unet": values.get(REFERENCE, float("nan")),
        "best": best,
        "best_value": values[best],
        "compared": len(values),
    }
    return rounded(found)


if __name__ == "__main__":
    main()
