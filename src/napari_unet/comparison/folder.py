"""What stands in the folder of a comparison, finished or not. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import stdev

from napari_unet.comparison.records import RunResult, Settings
from napari_unet.comparison.report import REPORT
from napari_unet.comparison.request import Request, read_request
from napari_unet.comparison.scoring import metrics_of
from napari_unet.comparison.store import RUNS, SETTINGS, may_begin, read_record
from napari_unet.comparison.summary import REFERENCE, Row, Summary, summarise
from napari_unet.errors import UserError
from napari_unet.project.files import TEMPORARY

TableRow = tuple[str, str, float | None, float | None, float | None, float | None, float | None]
COLUMNS = (
    ("network", "Ordered from the best to the worst"),
    ("IoU", "Mean over the images tested so far, none of which it was trained on, ± their SD"),
    ("M par.", "Parameters, in millions"),
    ("GMAC", "Multiply-adds of one input of about 256 x 256, in thousand millions"),
    ("FPS", "Such inputs a second on this machine, one by one"),
    ("p", "After Holm: paired t-test by image against unet, corrected for the number of networks"),
    ("U-Score", "Accuracy against costs, relative to this table; with 8 networks or more"),
)


@dataclass(frozen=True)
class Contents:
    """Settings are None before anything was run; ``results`` hold the failed runs too."""

    folder: Path
    request: Request | None
    settings: Settings | None
    results: tuple[RunResult, ...]

    @cached_property
    def networks(self) -> tuple[str, ...]:
        """Those that were asked for, and those that were run; the reference first."""
        asked = self.request.networks if self.request is not None else ()
        return tuple(dict.fromkeys([REFERENCE, *asked, *(r.network for r in self.results)]))

    @property
    def runs(self) -> int:
        """In all; 0 while nobody knows."""
        known = self.settings or self.request
        return 0 if known is None else known.folds * len(self.networks)

    @property
    def finished(self) -> int:
        """Runs that ended well."""
        return sum(not one.failed for one in self.results)

    @property
    def report(self) -> Path | None:
        """Its report, where one was written."""
        path = self.folder / REPORT
        return path if path.exists() else None

    @cached_property
    def summary(self) -> Summary | None:
        """Of what was run so far; None where nothing was."""
        if self.settings is None or not self.results:
            return None
        metric = metrics_of(self.settings.kind, self.settings.classes)[0]
        return summarise(self.settings, self.results, self.networks, metric)

    @property
    def begun(self) -> bool:
        """Whether its images and settings are fixed: networks alone may be added."""
        return self.settings is not None

    @property
    def sentence(self) -> str:
        """What a person should know before going on; '' where nothing was begun."""
        if not self.begun:
            return ""
        if self.finished >= self.runs:
            return (
                f"A finished comparison of {len(self.networks)} networks is in this folder: tick "
                f"more networks to add them, or choose another folder."
            )
        text = f"An unfinished comparison is in this folder: {self.finished} of {self.runs} runs"
        if self.request is None:
            return f"{text} are done. Go on with the command that began it."
        return f"{text} are done. Start goes on with it, on the images and labels as they were."


def read_folder(folder: Path) -> Contents:
    """What is in ``folder``, which need not exist.

    Raises
    ------
    UserError
        Other files, or a damaged one.
    """
    if not folder.exists():
        return Contents(folder, None, None, ())
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: choose a folder.")
    settings = folder / SETTINGS
    if not settings.exists() and not may_begin(folder):
        raise UserError(f"{folder} holds other files: choose a new folder for the comparison.")
    runs = sorted((folder / RUNS).glob("*.json")) if (folder / RUNS).is_dir() else []
    return Contents(
        folder,
        read_request(folder),
        read_record(Settings, settings) if settings.exists() else None,
        tuple(read_record(RunResult, path) for path in runs if TEMPORARY not in path.name),
    )


def table(contents: Contents) -> list[TableRow]:
    """A row for each network that has been run, see ``COLUMNS``; None is not known (yet)."""
    summary = contents.summary
    return [] if summary is None else [_row(row) for row in summary.rows if _tried(row)]


def _short(value: float) -> float | None:
    """Three digits; None for what was not measured."""
    return float(f"{value:.3g}") or None


def _tried(row: Row) -> bool:
    return bool(row.runs) or row.failed.startswith("fold")


def _row(row: Row) -> TableRow:
    known = [v for v in row.test.values.values() if v is not None]
    score = "failed" if not row.runs else "-"
    if known:
        score = f"{row.test.mean:.3f}" + (f" ± {stdev(known):.3f}" if len(known) > 1 else "")
    p = row.test.versus.p if row.test.versus is not None else None
    return (
        row.network,
        score,
        _short(row.parameters / 1e6),
        _short(row.macs / 1e9),
        _short(row.fps),
        None if p is None or p != p else float(f"{p:.2g}"),
        None if row.u_score is None else round(row.u_score, 1),
    )
