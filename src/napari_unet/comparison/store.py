"""The folder of a comparison: every finished run in a file of its own. Free of torch.

A run's file appears whole or not at all, so that a killed comparison loses only the run at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from napari_unet.comparison.planes import is_ours
from napari_unet.comparison.records import RunResult, Settings, differences
from napari_unet.errors import UserError
from napari_unet.project.files import (
    TEMPORARY,
    disk_error,
    read_json,
    remove_leftovers,
    write_json,
)
from napari_unet.project.lock import NAME as LOCK
from napari_unet.project.lock import FolderLock

SETTINGS = "comparison.json"
RUNS = "runs"
REQUEST = "request.json"
"""What was asked for."""
INPUT = "input"
"""Images and labels that were no files before."""

TAKEN = (
    "A comparison is running in {folder} already{who}: wait for its end or cancel it there, or "
    "choose another folder."
)

R = TypeVar("R", RunResult, Settings)


class Store:
    """Opens ``folder`` for a comparison with ``settings``, or makes it.

    Raises
    ------
    UserError
        It holds a comparison with other settings or other files, or cannot be written.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        path = folder / SETTINGS
        try:
            _check_folder(folder)
            if path.exists():
                self._check(path, settings)
            (folder / RUNS).mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            remove_leftovers(folder / RUNS)
        except OSError as error:
            raise disk_error(error, str(folder)) from error
        if not path.exists():
            write_json(path, settings.model_dump_json(indent=1))

    def path(self, network: str, fold: int) -> Path:
        """The file of a run."""
        return self.folder / RUNS / f"{network}.fold-{fold}.json"

    def finished(self, network: str, fold: int, arguments: dict[str, Any]) -> RunResult | None:
        """The result of a run that ended well, else None: it is still to be done.

        Raises
        ------
        UserError
            The file is damaged, or the network had other arguments then.
        """
        path = self.path(network, fold)
        if not path.exists():
            return None
        result = read_record(RunResult, path)
        if (result.network, result.fold) != (network, fold):
            raise UserError(f"{path} holds another run than its name says: delete it.")
        if result.failed:
            return None
        if result.arguments != arguments:
            raise UserError(
                f"{path} was made with other arguments of the network {network}: give --out a new "
                f"folder."
            )
        return result

    def write(self, result: RunResult) -> None:
        """Keep a result; :class:`UserError` where the disk refuses."""
        write_json(self.path(result.network, result.fold), result.model_dump_json(indent=1))

    def _check(self, path: Path, settings: Settings) -> None:
        found = differences(read_record(Settings, path), settings)
        if found:
            raise UserError(
                f"{self.folder} holds a comparison with other settings ({'; '.join(found)}): "
                f"repeat the command as it was to go on with it, or give --out another folder."
            )


def may_begin(folder: Path) -> bool:
    """Whether there is nothing in ``folder`` but what was put there for a comparison."""
    known = (REQUEST, INPUT, LOCK)
    return is_ours(folder / INPUT) and all(
        p.name in known or TEMPORARY in p.name for p in folder.iterdir()
    )


def lock(folder: Path) -> FolderLock:
    """The right to write a comparison to ``folder``, which is made; see :class:`FolderLock`.

    Raises
    ------
    UserError
        Another process (or this one) has it, it holds other files, or cannot be written.
    """
    try:
        _check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return FolderLock(folder, TAKEN)
    except OSError as error:
        raise disk_error(error, str(folder)) from error


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: give --out a folder.")
    if folder.exists() and not (folder / SETTINGS).exists() and not may_begin(folder):
        raise UserError(f"{folder} holds other files and no comparison: give --out a new folder.")


def read_record(kind: type[R], path: Path) -> R:
    """Settings or a result as it was written; :class:`UserError` where it is damaged."""
    content = read_json(path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "its content"
        raise UserError(
            f"{path} is damaged or of another version ({where} does not fit): delete it and repeat "
            f"the command, or give --out another folder."
        ) from error
