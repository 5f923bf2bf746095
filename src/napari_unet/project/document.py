"""``project.json`` in memory and on disk: every change is written before it counts."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from pydantic import ValidationError

from napari_unet.errors import UserError
from napari_unet.project.files import read_json, write_json
from napari_unet.project.schema import SCHEMA_VERSION, ProjectFile, Record

R = TypeVar("R", bound=Record)


class Document:
    """The current state; methods may be called from any thread."""

    def __init__(self, path: Path, state: ProjectFile) -> None:
        self.path = path
        self.state = state
        self.lock = RLock()

    @classmethod
    def create(cls, path: Path) -> Document:
        """A new project.json. Raises UserError when the disk refuses."""
        packages = {}
        for name in ("napari-unet-live", "numpy"):
            try:
                packages[name] = version(name)
            except PackageNotFoundError:
                continue
        created = datetime.now(UTC).isoformat(timespec="seconds")
        document = cls(path, ProjectFile(created=created, packages=packages))
        document.write()
        return document

    @classmethod
    def open(cls, path: Path) -> Document:
        """Read and check project.json. Raises UserError naming the field that does not fit."""
        data = read_json(path)
        if not isinstance(data, dict):
            raise UserError(f"{path} is damaged: it is not a project.")
        found = data.get("schema_version")
        if isinstance(found, int) and found > SCHEMA_VERSION:
            raise UserError(
                f"{path} was written by a newer version of this plugin (format {found}, this one "
                f"reads up to {SCHEMA_VERSION}). Update the plugin to open it."
            )
        try:
            return cls(path, ProjectFile.model_validate(data))
        except ValidationError as error:
            raise UserError(f"{path} is damaged: {first_problem(error)}.") from error

    def write(self) -> None:
        write_json(self.path, self.state.model_dump_json(indent=1))

    def change(self, **fields: Any) -> None:
        """Write the state with these fields replaced, then make it the current one."""
        with self.lock:
            before = self.state
            self.state = replaced(before, fields)
            try:
                self.write()
            except UserError:
                self.state = before
                raise


def replaced(record: R, fields: dict[str, Any]) -> R:
    """A checked copy with other values. Raises UserError naming the field that does not fit."""
    values = {name: getattr(record, name) for name in type(record).model_fields}
    return checked(type(record), values | fields)


def checked(kind: type[R], values: dict[str, Any]) -> R:
    """Make a record. Raises UserError naming the field that does not fit."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError(f"The project cannot keep this: {first_problem(error)}.") from error


def first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "its content"
    return f"{where}: {first['msg']}"
