"""What a finished comparison leaves: report.md, pictures, CSV and JSON. Free of torch."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_unet.comparison import figures
from napari_unet.comparison.markdown import markdown
from napari_unet.comparison.records import RunResult, Settings
from napari_unet.comparison.summary import Column, Row, Summary, summarise
from napari_unet.project.files import atomic, disk_error

REPORT = "report.md"


def write_report(
    folder: Path,
    settings: Settings,
    results: Sequence[RunResult],
    networks: Sequence[str],
    metric: str,
) -> Path:
    """Write all of it to ``folder`` and return the path of report.md, which is written last.

    Raises
    ------
    UserError
        The disk refuses.
    """
    summary = summarise(settings, results, networks, metric)
    pictures = figures.draw(summary)
    for name, picture in pictures.items():
        content = io.BytesIO()
        picture.save(content, "PNG", optimize=True)
        _write(folder / name, content.getvalue())
    _write(folder / "results.csv", networks_csv(summary).encode())
    _write(folder / "images.csv", images_csv(summary).encode())
    _write(folder / "results.json", json.dumps(as_json(summary), indent=1).encode())
    _write(folder / REPORT, markdown(summary, list(pictures)).encode())
    return folder / REPORT


def networks_csv(summary: Summary) -> str:
    """A row for each network; what is undefined is empty."""
    rows = [_flat(row, summary) for row in summary.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v is None else v for k, v in row.items()})
    return text.getvalue()


def images_csv(summary: Summary) -> str:
    """A row for each network, fold and image with all metrics, ready for other statistics."""
    metrics = next((list(r.test[0].values) for r in summary.results if r.test), [])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "fold", "set", "image", "seconds", *metrics])
    for run in summary.results:
        for what, scored in (("test", run.test), ("transfer", run.transfer)):
            for one in scored:
                values = ["" if one.values[m] is None else one.values[m] for m in metrics]
                writer.writerow([run.network, run.fold, what, one.name, one.seconds, *values])
    return text.getvalue()


def as_json(summary: Summary) -> dict[str, Any]:
    """Settings, a row for each network, and every run."""
    return {
        "metric": summary.metric,
        "networks": [_flat(row, summary) for row in summary.rows],
        "u_score_scale": None if summary.scale is None else asdict(summary.scale),
        "settings": summary.settings.model_dump(mode="json"),
        "runs": [run.model_dump(mode="json") for run in summary.results],
    }


def _flat(row: Row, summary: Summary) -> dict[str, Any]:
    flat: dict[str, Any] = {
        "network": row.network,
        "failed": row.failed or None,
        "parameters": row.parameters or None,
        "macs": row.macs or None,
        "gmac": row.macs / 1e9 if row.macs else None,
        "input_size": " x ".join(map(str, row.runs[0].input_size)) if row.runs else None,
        "device": row.runs[0].device_name if row.runs else None,
        "threads": row.runs[0].threads if row.runs else None,
        "frames_per_second": row.fps or None,
        "steps": row.steps or None,
        "seconds_per_image": row.seconds_per_image or None,
        "u_score_relative": row.u_score,
        **_column(row.test, summary.metric, ""),
    }
    if summary.settings.transfer:
        assert row.transfer is not None
        flat |= _column(row.transfer, summary.metric, "transfer_")
    return flat


def _column(column: Column, metric: str, prefix: str) -> dict[str, Any]:
    versus = column.versus
    flat: dict[str, Any] = {
        metric: column.mean,
        "low": column.interval.low,
        "high": column.interval.high,
        "images": sum(v is not None for v in column.values.values()),
        "difference": versus and versus.test.difference,
        "difference_low": versus and versus.interval.low,
        "difference_high": versus and versus.interval.high,
        "t": versus and versus.test.t,
        "p": versus and versus.test.p,
        "p_holm": versus and versus.p,
        "effect": versus and versus.test.effect,
        "verdict": versus.verdict if versus else None,
    }
    return {
        prefix + key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in flat.items()
    }


def _write(path: Path, content: bytes) -> None:
    try:
        with atomic(path) as file:
            file.write(content)
    except OSError as error:
        raise disk_error(error, str(path)) from error
