"""Fixtures for projects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.project import untitled
from napari_unet.project.project import Project


@pytest.fixture(autouse=True)
def untitled_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Untitled projects of the tests do not land among the user's."""
    root = tmp_path / "user data" / "untitled"
    for module in ("untitled", "base"):
        monkeypatch.setattr(f"napari_unet.project.{module}.untitled_root", lambda: root)
    assert untitled.untitled_root() == root
    return root


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A TIFF of 20 x 30 pixels."""
    path = tmp_path / "pictures" / "cells.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, np.arange(600, dtype=np.uint16).reshape(20, 30))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty open project."""
    project = Project.create(tmp_path / "work")
    yield project
    project.close()
