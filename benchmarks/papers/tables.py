"""Write the tables of docs/papers.md from the results in benchmarks/results/papers.

python benchmarks/papers/tables.py [--check]

What stands between ``<!-- name -->`` and ``<!-- /name -->`` is replaced; all else is left alone.
With --check nothing is written, and it fails where the page is not what the results say.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from common_papers import RESULTS, ROOT
from curves import USUAL, called, draw_curves

from napari_unet.project.files import read_json

PAGE = ROOT / "docs" / "papers.md"
PICTURES = ROOT / "docs" / "images"
PUBLISHED = {"warping": 0.000353, "rand": 0.0382, "pixel_f": 0.0611}
PUBLISHED_SEG = 0.9203
NAMES = {
    "full": "all ideas of the paper",
    "no_weights": "without boundary weights",
    "no_elastic": "without elastic deformation",
}
LEVEL = 0.05
CLAIMED = 0.8
"""More than this part of the variants is not significantly better, says U-Bench."""

Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    old = options.page.read_text("utf-8")
    new = filled(old, tables(options.results))
    if options.check:
        if new != old:
            sys.exit(f"{options.page} is not what the results say: run {Path(__file__).name}.")
        return
    options.page.write_text(new, "utf-8")
    draw_curves(options.results, PICTURES)


def filled(page: str, parts: dict[str, str]) -> str:
    """The page with its parts replaced; an error where one has no place in it."""
    for name, text in parts.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not place.search(page):
            sys.exit(f"The page has no place for {name}.")
        page = place.sub(lambda found, text=text: found[1] + text + "\n" + found[2], page)
    return page


def tables(folder: Path) -> dict[str, str]:
    """All parts of the page by name."""
    makers: dict[str, tuple[str, Callable[[list[Record]], str], str]] = {
        "em_isbi": ("em_isbi", isbi, "python benchmarks/papers/em_isbi.py"),
        "em_isbi_curve": ("em_isbi", isbi_curve, "python benchmarks/papers/em_isbi.py"),
        "ctc_u373": ("ctc_u373", u373, "python benchmarks/papers/ctc_u373.py"),
        "ubench": ("ubench", by_protocol(ubench), "python benchmarks/papers/ubench.py"),
        "ubench_networks": (
            "ubench",
            by_protocol(ubench_networks),
            "python benchmarks/papers/ubench.py",
        ),
        "zero_shot": ("ubench", by_protocol(zero_shot), "python benchmarks/papers/ubench.py"),
        "advise": ("advise", by_protocol(advise), "python benchmarks/advise_evaluation.py"),
    }
    parts = {}
    for name, (file, make, command) in makers.items():
        path = folder / f"{file}.json"
        records = read_json(path) if path.exists() else []
        parts[name] = make(records) if records else f"Not measured yet: `{command}`."
    return parts


def by_protocol(make: Callable[[list[Record]], str]) -> Callable[[list[Record]], str]:
    """A table for each budget, preset and seed: what was trained otherwise is no comparison."""

    def made(records: list[Record]) -> str:
        groups: dict[str, list[Record]] = {}
        for one in records:
            s = one["settings"]
            length = f"{s['steps']} steps" if s["steps"] else s["budget"]
            name = f"{length}, preset {s['preset']}, seed {s['seed']}"
            groups.setdefault(f"{name}, at most {s['images']} test images a set", []).append(one)
        return "\n\n".join(f"**{name}**\n\n{make(of)}" for name, of in groups.items())

    return made


# ------------------------------------------------------------------- U-Net, EM


def isbi(records: list[Record]) -> str:
    """Errors at the end of each training, below the published ones."""
    rows = [
        [
            "U-Net 2015, published: hidden test labels, 30 training slices, 10 h on a GPU",
            "",
            *("", f"{PUBLISHED['warping']:g}", "", f"{PUBLISHED['rand']:g}"),
            *("", "", "", "", "", f"{PUBLISHED['pixel_f']:g}"),
        ]
    ]
    for one in records:
        settings, point = one["settings"], one["points"][-1]
        name = NAMES.get(settings["variant"], settings["variant"])
        rows.append([name, recipe(one), *_errors(point["views"])])
        if settings["variant"] == "full":
            single = "without the average over views"
            rows.append([single, "the same training", *_errors(point["single"])])
    head = [
        "ours, unless said otherwise", "training",
        "warping, threshold chosen", "warping, test-optimal",
        "Rand, threshold chosen", "Rand, test-optimal",
        "Rand of the watershed, chosen", "Rand of the watershed, test-optimal",
        "wrong pixels, threshold chosen", "wrong pixels, test-optimal",
        "pixel error of the challenge (1 - F), chosen",
        "pixel error of the challenge, test-optimal",
    ]  # fmt: skip
    return table(head, rows) + "\n\n" + origin(records)


def _errors(found: dict[str, Any]) -> list[str]:
    cells = []
    for error in ("warping", "rand", "rand_watershed", "pixel", "pixel_f"):
        digits = 6 if error == "warping" else 4
        for which in ("chosen", "test_optimal"):
            value = found.get(error, {}).get(which)
            cells.append(f"{value['error']:.{digits}f}" if value else "-")
    return cells


def isbi_curve(records: list[Record]) -> str:
    """Errors of all moments, test-optimal and with views averaged."""
    rows = []
    for one in records:
        for point in one["points"]:
            found = point["views"]
            rows.append(
                [
                    called(one["settings"]),
                    minutes(point["seconds"]),
                    f"{point['step']}",
                    f"{found['rand']['test_optimal']['error']:.4f}",
                    f"{found['pixel']['test_optimal']['error']:.4f}",
                    f"{found['pixel_f']['test_optimal']['error']:.4f}",
                ]
            )
    picture = "![Rand and pixel error against training time](images/papers-isbi.png)"
    head = [
        "training", "minutes", "steps",
        "Rand, test-optimal", "wrong pixels, test-optimal", "1 - F, test-optimal",
    ]  # fmt: skip
    return picture + "\n\n" + table(head, rows)


# ------------------------------------------------------------------ U-Net, CTC


def u373(records: list[Record]) -> str:
    """SEG and AP50 of all moments."""
    rows = [
        [
            "U-Net 2015, published: hidden test sequences, trained on 35 frames",
            "", "", f"{PUBLISHED_SEG:.4f}", "", "", "",
        ]
    ]  # fmt: skip
    for one in records:
        for point in one["points"]:
            views, single = point["views"], point["single"]
            rows.append(
                [
                    recipe(one),
                    minutes(point["seconds"]),
                    f"{point['step']}",
                    f"{views['seg']:.4f}",
                    f"{views['ap50']:.3f}",
                    f"{single['seg']:.4f}",
                    f"{single['ap50']:.3f}",
                ]
            )
    head = [
        "training", "minutes", "steps", "SEG", "AP50", "SEG, one view", "AP50, one view",
    ]  # fmt: skip
    picture = "![SEG and AP50 against training time](images/papers-u373.png)"
    return picture + "\n\n" + table(head, rows) + "\n\n" + origin(records)


# --------------------------------------------------------------------- U-Bench


def ubench(records: list[Record]) -> str:
    """How many variants are significantly better, set by set; and the answer to the question."""
    rows, better, better_uncorrected, tested = [], 0, 0, 0
    for one in records:
        metric = one["metric"]
        good = [r for r in one["networks"] if not r["failed"]]
        plain = next((r for r in good if r["network"] == "unet"), None)
        if plain is None or plain[metric] is None:
            continue  # nothing to test the others against
        known = [r for r in good if r["verdict"] in ("better", "worse", "none")]
        count = {v: sum(r["verdict"] == v for r in known) for v in ("better", "worse", "none")}
        raw = sum(r["p"] < LEVEL and r["difference"] > 0 for r in known)
        better, better_uncorrected = better + count["better"], better_uncorrected + raw
        tested += len(known)
        best = max(good, key=lambda r: r[metric] or 0)
        rows.append(
            [
                f"{one['settings']['set']} ({one['what']})",
                metric,
                f"{one['trained_on']} / {one['tested_on']}",
                f"{plain[metric]:.3f}",
                f"`{best['network']}` {best[metric]:.3f}",
                f"{count['better']}",
                f"{raw}",
                f"{count['none']}",
                f"{count['worse']}",
                f"{len(one['networks']) - len(good)}",
            ]
        )
    head = [
        "set", "metric", "trained on / tested on", "`unet`", "best mean", "better (Holm)",
        "better (p < .05, uncorrected)", "no difference", "worse", "failed",
    ]  # fmt: skip
    return table(head, rows) + "\n\n" + answer(better, better_uncorrected, tested, records)


def answer(better: int, uncorrected: int, tested: int, records: list[Record]) -> str:
    """Does "over 80 % are not significantly better" hold?"""
    if not tested:
        return "No variant was tested against `unet`."
    not_better, not_raw = 1 - better / tested, 1 - uncorrected / tested
    if not_raw > CLAIMED:
        verdict = "holds"
    elif not_better > CLAIMED:
        verdict = "holds with Holm's correction, not without it, as U-Bench tested"
    else:
        verdict = "does not hold"
    return (
        f"Of {tested} pairs of a variant and a set, {not_better:.0%} are not significantly better "
        f"than `unet` with Holm's correction within a set, {not_raw:.0%} without it: in our hands "
        f'"more than 80 %" {verdict}. {origin(records)}'
    )


def ubench_networks(records: list[Record]) -> str:
    """Networks by sets: the metric, + and - where significantly better or worse; mean U-Score."""
    names = list(dict.fromkeys(r["network"] for one in records for r in one["networks"]))
    found = {
        (one["settings"]["set"], r["network"]): (r, one["metric"])
        for one in records
        for r in one["networks"]
    }
    sets = [one["settings"]["set"] for one in records]
    rows = []
    for name in names:
        cells, scores, steps, speeds, parameters, macs = [], [], [], [], 0, 0
        for one in sets:
            row, metric = found.get((one, name), ({}, ""))
            if not row or row["failed"]:
                cells.append("failed" if row else "-")
                continue
            mark = {"better": " +", "worse": " −"}.get(row["verdict"] or "", "")
            cells.append(f"{row[metric]:.3f}{mark}" if row[metric] is not None else "-")
            parameters, macs = max(parameters, row["parameters"]), max(macs, row["macs"])
            steps.append(row["steps"])
            speeds += [row["frames_per_second"]] if row["frames_per_second"] else []
            if row["u_score_relative"] is not None:
                scores.append(row["u_score_relative"])
        mean = sum(scores) / len(scores) if scores else None
        spread = " to ".join(f"{n:g}" for n in sorted({min(steps), max(steps)})) if steps else "-"
        speed = f"{median(speeds):.1f}" if speeds else "-"
        cost = [f"{parameters / 1e6:.2f} M", f"{macs / 1e9:.2f}", speed, spread]
        rows.append([f"`{name}`", *cost, *cells, "-" if mean is None else f"{mean:.1f}"])
    rows.sort(key=lambda r: -float(r[-1]) if r[-1] != "-" else 1.0)
    head = ["network", "parameters", "GMAC", "FPS", "steps", *sets, "relative U-Score, mean"]
    return table(head, rows)


def zero_shot(records: list[Record]) -> str:
    """Both ends of each pair, and the verdicts on the set that was never trained on."""
    parts = []
    for one in records:
        if not one["zero_shot"]:
            continue
        metric = one["metric"]
        key = f"transfer_{metric}"
        good = [r for r in one["networks"] if not r["failed"] and r.get(key) is not None]
        good.sort(key=lambda r: -r[key])
        rows = [
            [
                f"`{r['network']}`",
                f"{r[metric]:.3f}",
                f"{r[key]:.3f}",
                _p(r["transfer_p_holm"]),
                {"better": "better", "worse": "worse", "none": "no difference"}.get(
                    r["transfer_verdict"] or "", ""
                ),
            ]
            for r in good
        ]
        head = ["network", f"{metric} there", f"{metric} zero-shot", "p (Holm)", "against `unet`"]
        parts.append(f"`{one['settings']['set']}` → {one['zero_shot']}:\n\n" + table(head, rows))
    return "\n\n".join(parts) or "No pair was run."


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value >= 0.001 else "< .001"


# ---------------------------------------------------------------------- advice


def advise(records: list[Record]) -> str:
    """What was advised, and what the two other ways would have given."""
    rows, lost, lost_unet, ahead = [], [], [], []
    for one in records:
        if None in (one["value"], one["unet"], one["best_value"]):
            continue
        best = max(one["best_value"], one["value"])
        lost.append(best - one["value"])
        lost_unet.append(best - one["unet"])
        width = one["arguments"].get("width")
        started = one.get("from_start_weights")
        ahead.append(started is not None and started > one["best_value"])
        rows.append(
            [
                one["settings"]["set"],
                one["metric"],
                f"`{one['advised']}`, width {width}",
                f"{one['value']:.3f}",
                "none" if started is None else f"{started:.3f}",
                f"{one['unet']:.3f}",
                f"`{one['best']}` {one['best_value']:.3f} of {one['compared']}",
                f"{one['seconds_for_advice']:.0f}",
            ]
        )
    if not rows:
        return "No set was finished."
    head = ["set", "metric", "advised", "its value", "from the start weights", "always `unet`"]
    head += ["best, from random weights", "s for the advice"]
    n = len(rows)
    return (
        table(head, rows)
        + f"\n\nOn average the advice gives away {sum(lost) / n:.3f} against the best of each set, "
        f"always taking `unet` {sum(lost_unet) / n:.3f}. Trained from the start weights, as window "
        f"and commands do where there are any, the choice is above that best, which began with "
        f"random ones, on {sum(ahead)} of {n} sets. {origin(records)}"
    )


# ----------------------------------------------------------------------- parts


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def recipe(one: Record) -> str:
    """How a record was trained, in a few words."""
    settings = one["settings"]
    given = settings["recipe"]
    last = one["points"][-1]
    changed = [f"{k} {v}" for k, v in given.items() if k not in USUAL]
    width = one["arguments"].get("width")
    words = [
        f"`{one['network']}`" + (f" width {width}" if width else ""),
        f"preset {given['preset']}",
        *changed,
        "" if given["start"] == "random" else f"start {Path(str(given['start'])).name}",
        f"seed {one['seed']}",
        f"islands under {settings['fill']} px filled" if settings.get("fill") else "",
        # Recipes of before 2026-11-22 know no sharpness; their pieces were interpolated so.
        "" if "sharpness" in one["preset"] else "linear interpolation",
        f"{minutes(last['seconds'])} min, {last['step']} steps",
    ]
    return ", ".join(w for w in words if w)


def origin(records: list[Record]) -> str:
    """When, where and with what the figures were made."""
    found = []
    for one in records:
        m = one["machine"]
        threads = f"{m['threads']} thread" + ("s" if m["threads"] != 1 else "")
        text = f"{m['date']}, version {one['version']}, torch {m['torch']}, {threads}"
        found.append(f"{text}, {m['cpu']}")
    return "Measured " + "; ".join(dict.fromkeys(found)) + "." if found else ""


def minutes(seconds: float) -> str:
    """1.0, 30.0."""
    return f"{seconds / 60:.1f}"


if __name__ == "__main__":
    main()
