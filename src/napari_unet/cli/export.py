"""``napari-unet export``."""

from __future__ import annotations

from pathlib import Path

from napari_unet.cli.console import note, result
from napari_unet.model.export import check_format, check_out, check_packages
from napari_unet.model.export.about import About, default_name
from napari_unet.model.file import read_header


def run_export(
    model: Path,
    *,
    format: str,
    out: Path,
    name: str | None,
    description: str,
    authors: list[str],
    license: str,
    cite: list[str],
) -> None:
    """Write the exported model and print its path; how it compared goes to standard error."""
    # What can be wrong is found out before torch is imported.
    check_format(format)
    read_header(model)
    check_out(out)
    about = About(
        name or default_name(model.stem), tuple(authors), license, description, tuple(cite)
    )
    check_packages(format)
    from napari_unet.model.export.exporting import export
    from napari_unet.model.model import load

    exported = export(load(model), format, out, about)
    note(f"It takes {exported.takes}.")
    for line in exported.notes:
        note(line)
    result(str(exported.path))
