"""Models that were reset stay in the project, under names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unet.errors import UserError
from napari_unet.project.earlier import set_aside, told_aside
from napari_unet.project.project import Project, unfinished


def test_models_of_one_second_keep_apart(project: Project) -> None:
    for number in range(3):
        project.model_path.write_text(f"model {number}")
        if number != 1:
            project.save_curves([number])
        kept = set_aside(project.model_path)
        assert kept is not None
        assert kept.name in told_aside(kept)
        assert kept.read_text() == f"model {number}"
        assert kept.with_suffix(".json").exists() == (number != 1)
    assert set_aside(project.model_path) is None
    assert project.curves() is None
    assert not project.has_model
    assert len(list((project.folder / "earlier").glob("*.unet"))) == 3


def test_a_model_that_cannot_be_moved_stays(project: Project) -> None:
    project.model_path.write_text("model")
    (project.folder / "earlier").write_text("no folder")
    with pytest.raises(UserError, match="could not be saved"):
        set_aside(project.model_path)
    assert project.has_model


def test_an_earlier_model_is_work(project: Project) -> None:
    project.close()
    untitled = Project.create_untitled()
    untitled.model_path.write_text("model")
    set_aside(untitled.model_path)
    untitled.close()
    assert unfinished() == [untitled.folder]


def test_earlier_models_go_into_a_copy(project: Project, tmp_path: Path) -> None:
    project.model_path.write_text("model")
    set_aside(project.model_path)
    with project.save_as(tmp_path / "copy") as copy:
        assert len(list((copy.folder / "earlier").glob("*.unet"))) == 1
