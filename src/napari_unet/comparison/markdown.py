"""The report as a reviewer reads it. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from napari_unet.comparison.summary import REFERENCE, Row, Summary
from napari_unet.comparison.words import (
    detectable,
    effect,
    headline,
    number,
    p_value,
    sentence,
    signed,
    spanned,
    warning,
)
from napari_unet.evaluation.uscore import FEWEST, Range
from napari_unet.networks import registry

CAPTIONS = {
    "values.png": "Every dot is one image, tested by a network that was not trained on it; the "
    "large dot is the mean, the bar its 95 % bootstrap interval over images, the dashed line the "
    f"mean of {REFERENCE}.",
    "differences.png": f"Mean difference to {REFERENCE} on the same images, with its 95 % "
    "bootstrap interval; p after Holm's correction.",
    "costs.png": "Accuracy against size, work and speed (logarithmic axes). Up is better; so is "
    "left in the first two and right in the last.",
    "transfer.png": "The same on the images of --transfer, on which no network was trained.",
}


def markdown(summary: Summary, pictures: Sequence[str]) -> str:
    """The whole of report.md."""
    blocks = [
        f"# Comparison of {len(summary.rows)} network{'s' * (len(summary.rows) != 1)}",
        headline(summary),
        warning(summary),
        *([f"Zero-shot: {headline(summary, transfer=True)}"] if summary.settings.transfer else []),
        "## What was compared, and how",
        "\n".join(f"- {line}" for line in _how(summary)),
        "## Results",
        _table(summary),
        *_shown("values.png", pictures),
        f"## Is any network better than {REFERENCE}?",
        "\n".join(f"- {sentence(r, summary)}" for r in summary.rows if r.network != REFERENCE),
        *_shown("differences.png", pictures),
        "## What it costs",
        _u_score(summary),
        *_shown("costs.png", pictures),
    ]
    if summary.settings.transfer:
        blocks += [
            "## Zero-shot on other images",
            f"{len(summary.settings.transfer)} images, predicted by the networks of all "
            f"{summary.settings.folds} folds without any training on them; the value of an image "
            "is the mean over these.",
            _transfer_table(summary),
            "\n".join(
                f"- {sentence(r, summary, transfer=True)}"
                for r in summary.rows
                if r.network != REFERENCE
            ),
            *_shown("transfer.png", pictures),
        ]
    blocks += [
        "## Caveats",
        "\n".join(f"- {line}" for line in _caveats(summary)),
        "## Files",
        "`results.csv`: the table with all its figures; `images.csv`: every metric of every image; "
        "`results.json`: both, with settings and runs; `runs/`: one file for each training.",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _how(summary: Summary) -> Iterator[str]:
    settings = summary.settings
    images, folds = len(settings.images), settings.folds
    yield (
        f"**Images**: {images}, labels of kind {settings.kind}, {settings.channels} channel(s), "
        + ("objects against background." if settings.kind == "objects" else
           f"{settings.classes} classes.")
    )  # fmt: skip
    yield (
        f"**Folds**: {folds}, by image: each image was tested exactly once, by networks that were "
        f"trained on the images of the other folds and never saw it. A fold is a run of successive "
        f"names."
    )
    length = (
        f"{settings.budget:g} s of training each (equal time: fast networks make more steps)"
        if settings.budget is not None
        else f"{settings.steps} steps each (equal steps: slow networks take more time)"
    )
    yield (
        f"**Training**: the same for all: preset {settings.recipe['name']}, {length}, seed "
        f"{settings.seed}, no image held out to choose a moment: what the last step gave is tested."
    )
    if settings.start == "general":
        yield (
            f"**Start: not equal.** {REFERENCE} began with the general weights that come with "
            f"napari-unet, all others with random ones, as there are none for them: what "
            f"{REFERENCE} gains by that is not its architecture's."
        )
    else:
        yield "**Start**: random weights for all."
    yield f"**Metric**: {_metric(summary)}"
    runs = [r for row in summary.rows for r in row.runs]
    if runs:
        devices = sorted({f"{r.device_name}, {r.threads} thread(s)" for r in runs})
        yield (
            f"**Speed**: frames per second = 1 / median time of one input, batch 1, after a "
            f"warm-up, on {settings.device} ({'; '.join(devices)}), {settings.precision}; inputs "
            f"of {_sizes(runs[0].input_size)} pixels where the network does not need others. "
            f"Multiply-adds (GMAC) are of the same input."
        )
        dates = sorted(r.created[:10] for r in runs)
        versions = sorted({r.packages.get("napari-unet-live", "") for r in runs})
        torches = sorted({r.packages.get("torch", "") for r in runs})
        yield (
            f"**Versions**: napari-unet-live {', '.join(versions)}, torch {', '.join(torches)}; "
            f"{dates[0]}{'' if dates[0] == dates[-1] else f' to {dates[-1]}'}."
        )


def _metric(summary: Summary) -> str:
    foreground = "objects" if summary.settings.kind == "objects" else "the classes other than 0"
    what = {
        "iou": f"intersection over union of {foreground}",
        "dice": f"Dice coefficient of {foreground}",
        "mean_iou": "mean of the intersection over union of each class other than 0",
    }.get(summary.metric, "as `napari-unet evaluate` defines it")
    if summary.metric.startswith("iou_"):
        what = f"intersection over union of class {summary.metric.removeprefix('iou_')}"
    lower = "" if summary.higher_is_better else ", lower is better"
    return (
        f"{summary.metric} by image ({what}{lower}). The others are in images.csv, and `--metric` "
        f"makes this report of one of them without training anew."
    )


def _table(summary: Summary) -> str:
    scored = summary.scale is not None
    head = ["network", "width", "parameters", "GMAC", "FPS", "steps", "s / image",
            f"{summary.metric} (95 % interval)", f"vs. {REFERENCE}", "p (Holm)", "d_z",
            *(["U-Score, relative"] if scored else [])]  # fmt: skip
    rows = []
    for row in summary.rows:
        if row.failed:
            rows.append([row.network, *["-"] * (len(head) - 2), "failed"])
            continue
        versus = row.test.versus
        rows.append([
            row.network,
            str(row.runs[0].arguments.get("width", "-")),
            _millions(row.parameters),
            number(row.macs / 1e9, 2),
            number(row.fps, 1),
            spanned([r.steps for r in row.runs]),
            number(row.seconds_per_image, 2),
            _with_interval(row),
            signed(versus.test.difference) if versus else "reference",
            p_value(versus.p) if versus else "",
            effect(versus.test.effect) if versus else "",
            *([number(row.u_score, 1)] if scored else []),
        ])  # fmt: skip
    return _markdown_table(head, rows)


def _transfer_table(summary: Summary) -> str:
    head = ["network", f"own images, {summary.metric}", f"others, {summary.metric}",
            f"vs. {REFERENCE}", "p (Holm)", "d_z"]  # fmt: skip
    rows = []
    for row in summary.rows:
        if row.failed or row.transfer is None:
            continue
        versus = row.transfer.versus
        rows.append([
            row.network,
            number(row.test.mean),
            _with_interval(row, transfer=True),
            signed(versus.test.difference) if versus else "reference",
            p_value(versus.p) if versus else "",
            effect(versus.test.effect) if versus else "",
        ])  # fmt: skip
    return _markdown_table(head, rows)


def _u_score(summary: Summary) -> str:
    scale = summary.scale
    if "iou" not in summary.metric:
        return "The U-Score is defined for IoU; this comparison is by another metric."
    if scale is None:
        return (
            f"No U-Score: it needs quantiles over at least {FEWEST} networks that were tested "
            f"(see `--networks all`)."
        )

    def span(name: str, found: Range, factor: float = 1.0) -> str:
        return f"{name} {found.q10 / factor:.4g} to {found.q90 / factor:.4g}"

    return (
        "The *relative* U-Score (F. Tang et al., arXiv 2510.07041) weighs accuracy against size, "
        "work and speed, each between the 10 % and the 90 % quantile over the networks of this "
        f"table: {span(summary.metric, scale.iou)}; {span('parameters', scale.parameters, 1e6)} "
        f"million; {span('GMAC', scale.macs, 1e9)}; {span('FPS', scale.fps)} "
        f"({_timed_on(summary)}). It ranks these networks on these images and this machine, and "
        "cannot be compared with the figures of U-Bench or of another comparison."
    )


def _timed_on(summary: Summary) -> str:
    """Batch, size and device of the speeds that the U-Score is made from."""
    runs = [run for row in summary.rows for run in row.runs]
    sizes = sorted({" x ".join(map(str, run.input_size)) for run in runs})
    devices = sorted({run.device_name for run in runs})
    return f"batch 1, {' or '.join(sizes)} pixels, {' or '.join(devices)}"


def _caveats(summary: Summary) -> Iterator[str]:
    settings = summary.settings
    tested = len(settings.images)
    length = f"{settings.budget:g} s" if settings.budget is not None else f"{settings.steps} steps"
    yield (
        f"Trained for {length}: another order after longer training is possible, and large "
        f"networks need longest. The budget belongs to the result."
    )
    yield (
        "One seed. Repeat with other `--seed` and folders before building on a small difference: "
        "the test speaks of other images like these, not of other random starts."
    )
    yield (
        "Images of one fold were predicted by the same network, and folds share training images: "
        "the values are not independent, and p is too small, the more so the more one training of "
        "a network differs from the next. Trust a difference that all folds agree on."
    )
    yield (
        f"{tested} images: a single test finds a difference of {detectable(tested):.2f} standard "
        f"deviations in four of five cases, and Holm's correction needs more. That nothing was "
        f"shown does not show that networks are equal: look at the intervals."
    )
    if out := summary.left_out:
        yield (
            f"{len(out)} of the images ({', '.join(out[:3])}{' ...' * (len(out) > 3)}) count "
            f"for no network: {summary.metric} is undefined there for at least one of them, as "
            "IoU is where neither the truth nor the prediction holds the class. What is invented "
            "on an empty image is therefore not seen here: look at such images, or at `images.csv`."
        )
    if tested < 10:
        yield "With fewer than ten images, intervals and tests are rough."
    yield (
        "Frames of one film or sections of one block resemble each other: where they are split "
        "between folds, all values are too good, and differences may be too small."
    )
    if settings.recipe["name"] == "live":
        yield (
            "The preset live gives networks the small widths of the table, chosen to learn fast on "
            "a laptop: these are not the sizes of their papers (`--preset paper2015` is)."
        )
    if settings.transfer:
        yield (
            "Zero-shot, the grey values of the other images are treated as the training images "
            "were; what differs in brightness, pixel size or staining is part of the result."
        )
    runs = [r for row in summary.rows for r in row.runs]
    uneven = max(
        (_spread([r.frames_per_second for r in row.runs]) for row in summary.rows), default=1
    )
    if uneven > 1.3:
        yield (
            f"The machine was not quiet: frames per second of one network differ by up to a factor "
            f"of {uneven:.1f} between its runs (the table has the median)"
            + (", and equal time was not equal work: `--steps` does not depend on the machine."
               if settings.budget is not None else ".")
        )  # fmt: skip
    if len({r.device_name for r in runs}) > 1:
        yield "Runs come from several machines: frames per second cannot be compared."
    sizes = {r.network: r.input_size for r in runs}
    if runs:
        usual = min(sizes.values(), key=lambda s: (s[-1], s))
        other = [f"{n} ({_sizes(s)})" for n, s in sizes.items() if s != usual]
        if other:
            yield f"Measured on larger inputs, which they need: {', '.join(other)}."
    inexact = [
        row.network
        for row in summary.rows
        if not row.failed
        and not registry.geometry(row.network, row.runs[0].arguments, settings.dims).tile_exact
    ]
    if inexact:
        yield f"Predicted in blended windows, as tiles of them are not exact: {', '.join(inexact)}."
    for run in runs:
        for note in run.notes:
            yield f"{run.network}, fold {run.fold}: {note}"
    for row in summary.rows:
        if row.failed:
            yield f"{row.network} failed in {row.failed}"


def _spread(values: Sequence[float]) -> float:
    return max(values) / min(values) if values else 1.0


def _shown(name: str, pictures: Sequence[str]) -> list[str]:
    return [f"![{name}]({name})", f"*{CAPTIONS[name]}*"] if name in pictures else []


def _with_interval(row: Row, *, transfer: bool = False) -> str:
    column = row.transfer if transfer else row.test
    assert column is not None
    low, high = column.interval
    return f"{number(column.mean)} ({number(low)} to {number(high)})"


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count >= 1e5 else f"{count / 1e3:.1f} k"


def _sizes(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
