"""Models that another training takes the place of: set aside in the project, never deleted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from napari_unet.project.files import disk_error, sync_folder
from napari_unet.project.untitled import CURVES, EARLIER


def set_aside(model: Path) -> Path | None:
    """Move a project's model and its curves to ``earlier/<date>``; where the model is now.

    None where there is no model. Raises UserError when the disk refuses: the model stays then.
    """
    folder = model.parent / EARLIER
    name = free = f"{datetime.now():%Y-%m-%d-%H-%M-%S}"
    number = 1
    try:
        if not model.is_file() and not (model / "model.json").is_file():
            return None
        folder.mkdir(exist_ok=True)
        while (folder / f"{free}.unet").exists() or (folder / f"{free}.json").exists():
            number += 1
            free = f"{name}-{number}"
        kept = folder / f"{free}.unet"
        # The model first: curves without a model are not shown, whatever happens in between.
        model.rename(kept)
        curves = model.with_name(CURVES)
        if curves.exists():
            curves.rename(folder / f"{free}.json")
        sync_folder(folder)
        sync_folder(model.parent)
    except OSError as error:
        raise disk_error(error, f"The model {model}") from error
    return kept


def told_aside(kept: Path) -> str:
    """The sentence for the user."""
    return (
        f"The model so far was set aside in the project as {EARLIER}/{kept.name}: "
        "Load model brings it back."
    )
