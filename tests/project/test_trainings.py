"""Records of trainings: kept, replaced by id, read past damage, carried to a copy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from napari_unet.errors import UserError
from napari_unet.forecast.points import TrainingRecord
from napari_unet.project.trainings import Trainings

ONE = TrainingRecord("a:1", "unet", 1000, 3, 60.0, 50, 0.8, 0.79, 0.7, 0.85)
TWO = replace(ONE, id="a:70", labelled=2000)


def test_they_come_back_and_the_last_of_an_id_counts(tmp_path: Path) -> None:
    path = tmp_path / "trainings.jsonl"
    known = Trainings(path)
    known.add([ONE])
    longer = replace(ONE, seconds=90.0, best=0.9)
    known.add([longer, TWO])
    known.add([longer, TWO])  # nothing new
    assert len(path.read_text().splitlines()) == 3
    assert list(Trainings(path)) == [longer, TWO]


def test_damage_costs_a_line(tmp_path: Path) -> None:
    path = tmp_path / "trainings.jsonl"
    Trainings(path).add([ONE])
    path.write_text("[1]\n{}\n" + path.read_text() + '{"id": "b:1", "net')
    known = Trainings(path)
    assert list(known) == [ONE]
    known.add([TWO])
    assert list(Trainings(path)) == [ONE, TWO]


def test_what_came_before_the_project_is_kept_in_it_but_not_in_the_next(tmp_path: Path) -> None:
    known = Trainings()
    known.add([ONE])
    known.move(tmp_path / "one.jsonl")
    assert list(Trainings(tmp_path / "one.jsonl")) == [ONE]
    known.move(tmp_path / "two.jsonl")
    assert list(known) == []
    known.move(tmp_path / "one.jsonl")
    assert list(known) == [ONE]


def test_a_disk_that_refuses_becomes_a_sentence(tmp_path: Path) -> None:
    known = Trainings(tmp_path / "gone" / "trainings.jsonl")
    with pytest.raises(UserError, match="list of trainings"):
        known.add([ONE])
    assert list(known) == [ONE]
