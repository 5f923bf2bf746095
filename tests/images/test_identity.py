"""Whether a file is still the same, told without reading it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_unet.errors import UserError
from napari_unet.images.identity import identity


def test_size_date_and_names_tell(tmp_path: Path) -> None:
    folder = tmp_path / "a.zarr" / "c"
    folder.mkdir(parents=True)
    (folder / "0").write_bytes(b"12")
    (folder / "1").write_bytes(b"3")
    known = identity(tmp_path / "a.zarr")
    assert identity(tmp_path / "a.zarr") == known
    (tmp_path / "a.zarr").rename(tmp_path / "b.zarr")
    assert identity(tmp_path / "b.zarr") == known
    time = (folder.parent.parent / "b.zarr" / "c" / "1").stat().st_mtime_ns
    one = tmp_path / "b.zarr" / "c" / "1"
    os.utime(one, ns=(time, time + 1000))
    changed = identity(tmp_path / "b.zarr")
    assert changed != known
    one.rename(one.with_name("2"))
    assert identity(tmp_path / "b.zarr") not in (known, changed)
    assert identity(one.with_name("2")) != identity(one.with_name("0"))
    with pytest.raises(UserError, match="cannot be read"):
        identity(tmp_path / "none")
