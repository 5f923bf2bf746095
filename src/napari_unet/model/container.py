"""A handful of named byte strings in a zip file or a folder: written whole or not at all.

Entries of the zip are stored, not compressed: weights do not shrink, and nothing that is read can
be larger than the file. Free of torch.
"""

from __future__ import annotations

import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from napari_unet.errors import UserError

_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the same content makes the same file


def read_entries(
    path: Path, wanted: Collection[str], limits: Mapping[str, int]
) -> dict[str, bytes]:
    """The ``wanted`` entries that are there. ``limits``: the known names and their largest size.

    A name that is not known, an entry that is compressed, encrypted, too large, there twice or
    whose checksum is wrong is refused with a :class:`UserError`.
    """
    try:
        if path.is_dir():
            return _read_folder(path, wanted, limits)
        return _read_zip(path, wanted, limits)
    except FileNotFoundError:
        raise UserError(f"There is no model file {path}; check the name.") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{path} cannot be read: {reason}.") from None


def _check_sizes(path: Path, sizes: Mapping[str, int], limits: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        if name not in limits:
            raise UserError(
                f"{path} is not a model file: it holds {name!r}, which does not belong there."
            )
        if size > limits[name]:
            raise UserError(f"{path}: {name} is too large to be right ({size} bytes).")


def _read_folder(
    path: Path, wanted: Collection[str], limits: Mapping[str, int]
) -> dict[str, bytes]:
    files = {name: path / name for name in wanted if (path / name).is_file()}
    _check_sizes(path, {name: file.stat().st_size for name, file in files.items()}, limits)
    return {name: file.read_bytes() for name, file in files.items()}


def _read_zip(path: Path, wanted: Collection[str], limits: Mapping[str, int]) -> dict[str, bytes]:
    total = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if len(set(names)) < len(names):
                raise UserError(f"{path} is damaged: it holds the same entry twice.")
            _check_sizes(path, {i.filename: i.file_size for i in infos}, limits)
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise UserError(
                    f"{path} is compressed, which model files are not; unzip it into a folder and "
                    f"use the folder."
                )
            if sum(info.file_size for info in infos) > total:
                raise UserError(f"{path} is damaged: it says it holds more than its {total} bytes.")
            return {name: archive.read(name) for name in names if name in wanted}
    except UserError:
        raise
    except OSError:
        raise
    except Exception as error:  # zipfile raises half a dozen kinds for a damaged archive
        raise UserError(f"{path} is not a model file, or it is damaged ({error}).") from None


def write_zip(path: Path, entries: Mapping[str, bytes]) -> None:
    """Write ``entries`` to the file ``path``; a file that is there is replaced only on success."""

    def write(temporary: Path) -> None:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, content in entries.items():
                    info = zipfile.ZipInfo(name, _NO_DATE)
                    info.external_attr = 0o644 << 16
                    archive.writestr(info, content)
            file.flush()
            os.fsync(file.fileno())

    _replace(path, write, os.replace)


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` to the file ``path``; a file that is there is replaced only on success."""

    _replace(path, lambda temporary: _write_synced(temporary, content), os.replace)


def write_folder(path: Path, entries: Mapping[str, bytes], known: Collection[str]) -> None:
    """Write ``entries`` as files of the folder ``path``.

    A folder that is there is replaced only on success, and only if it holds nothing but ``known``
    names: nobody's other files are thrown away.
    """
    others = sorted({p.name for p in path.iterdir()} - set(known)) if path.is_dir() else []
    if others:
        raise UserError(
            f"{path} holds files that are no part of a model ({others[0]}); choose another folder."
        )

    def write(temporary: Path) -> None:
        temporary.mkdir()
        for name, content in entries.items():
            _write_synced(temporary / name, content)

    _replace(path, write, _swap_folder)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _swap_folder(new: Path, path: Path) -> None:
    """Put ``new`` where ``path`` is. Folders cannot replace each other in one step as files can."""
    if not path.exists():
        new.rename(path)
        return
    old = _beside(path)
    path.rename(old)
    try:
        new.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _replace(
    path: Path, write: Callable[[Path], None], replace: Callable[[Path, Path], object]
) -> None:
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        kept = " The file that was there is untouched." if path.exists() else ""
        raise UserError(f"{path} could not be saved: {reason}.{kept}") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system can."""
    if os.name == "posix":
        with suppress(OSError):  # some network drives cannot
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
