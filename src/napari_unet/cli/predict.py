"""``napari-unet predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_unet.cli.console import ProgressLine, check_folder, result
from napari_unet.model.file import read_header


def run_predict(
    model: Path,
    images: str,
    *,
    out: Path,
    outputs: list[str],
    fast: int | None = None,
    one_look: bool = False,
    own_size: bool = False,
    **options: Any,
) -> None:
    """Predict files; prints the path of each file that was written."""
    check_folder(out)
    read_header(model)  # what is wrong with it is found out before torch is imported
    from napari_unet.core import predict_files
    from napari_unet.images.reading import stem
    from napari_unet.model.model import load

    loaded = load(model)
    if fast is not None:
        loaded = loaded.fast(fast)
    if one_look:
        loaded = loaded.one_look()
    if own_size:
        loaded = loaded.own_size()
    line = ProgressLine()
    try:
        for progress in predict_files(loaded, images, out, outputs, **options):
            if progress.problem and progress.total > 1:
                line.note(f"{progress.path.name} was left out: {progress.problem}")
            name = stem(progress.path)
            for note in progress.notes:
                named = progress.total == 1 or note.startswith(name) or not progress.tile
                line.note(note if named else f"{name}: {note}")
            for path in progress.written:
                line.end()
                result(str(path))
            line.show(
                f"image {progress.number} of {progress.total}, tile {progress.tile} of "
                f"{progress.tiles} ({progress.fraction:.0%})"
            )
    except KeyboardInterrupt:
        again = "it again without --afresh" if options.get("afresh") else "the same command again"
        line.note(f"What is done is kept: type {again} and it goes on there.")
        raise
    finally:
        line.end()
