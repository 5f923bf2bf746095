"""The newest model handed to other programs by a real engine process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_unet.engine.protocol import Cancel, ExportModel
from napari_unet.errors import UserError
from napari_unet.model.export import check_packages


def needs(format: str) -> None:
    try:
        check_packages(format)
    except UserError as error:
        pytest.skip(str(error))


def train(engine: Any) -> None:
    image, mask = engine.disks()
    engine.label(engine.open(image), engine.strokes(mask))
    engine.start(steps=3)
    engine.wait("training_finished")


def test_an_onnx_file_that_was_compared(engine: Any, tmp_path: Path) -> None:
    needs("onnx")
    train(engine)
    path = tmp_path / "disks.onnx"
    engine.send(ExportModel(job="e", path=str(path), format="onnx"))
    done = engine.wait("job_finished")
    assert path.stat().st_size > 1000
    assert done.result["path"] == str(path)
    assert done.result["text"].startswith(f"{path} is written. It takes ")
    assert "largest difference from this model" in done.result["text"]


def test_refusals_are_one_sentence(engine: Any, tmp_path: Path) -> None:
    """With the packages: what the command line says. Without: which are missing."""
    path = str(tmp_path / "disks.onnx")
    engine.send(ExportModel(job="e", path=path, format="onnx", name="Disks"))
    message = engine.wait("job_failed").message
    assert "There is no model yet" in message or "pip install" in message
    needs("onnx")
    train(engine)
    engine.send(ExportModel(job="e", path=path, format="onnx", name="no/name"))
    assert "will not do for a model" in engine.wait("job_failed").message
    assert list(tmp_path.glob("*.onnx")) == []


def test_cancelled(engine: Any, tmp_path: Path) -> None:
    needs("onnx")
    train(engine)
    path = tmp_path / "disks.onnx"
    engine.send(ExportModel(job="e", path=str(path), format="onnx", name="Disks"))
    engine.wait("job_progress")
    engine.send(Cancel(job="e"))
    assert engine.wait("job_failed").cancelled
    assert not path.exists()
