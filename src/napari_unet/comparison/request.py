"""What a comparison was asked for, kept in its folder so that anyone can go on with it.

Free of torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from napari_unet.annotations.kinds import LabelKind
from napari_unet.comparison.records import Record
from napari_unet.comparison.store import REQUEST
from napari_unet.errors import UserError
from napari_unet.project.files import disk_error, read_json, write_json


class Request(Record):
    """The arguments of `napari_unet.comparison.running.compare`, but for the folder.

    Paths (or patterns) are absolute, or relative to the folder of the comparison.
    """

    images: str
    labels: str
    networks: tuple[str, ...]
    regions: str | None = None
    transfer: tuple[str, str] | None = None
    budget: float | None = None
    steps: int | None = None
    folds: int = 3
    kind: LabelKind | None = None
    preset: str = "live"
    start: Literal["random", "general"] = "random"
    dims: int = 2
    axes: str | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    metric: str | None = None

    def arguments(self, folder: Path) -> dict[str, Any]:
        """Keywords for ``compare``, paths resolved."""
        found = self.model_dump()
        for name in ("images", "labels", "regions"):
            if found[name] is not None:
                found[name] = str(folder / found[name])
        if self.transfer is not None:
            found["transfer"] = tuple(str(folder / path) for path in self.transfer)
        return found | {"out": folder}

    def write(self, folder: Path) -> None:
        """Keep it in ``folder``; :class:`UserError` where the disk refuses."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, str(folder)) from error
        write_json(folder / REQUEST, self.model_dump_json(indent=1))


def read_request(folder: Path) -> Request | None:
    """What was asked for in ``folder``; None where nobody wrote it down.

    :class:`UserError` where it is damaged.
    """
    path = folder / REQUEST
    if not path.exists():
        return None
    try:
        return Request.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path} is damaged or of another version: choose another folder.") from (
            error
        )
