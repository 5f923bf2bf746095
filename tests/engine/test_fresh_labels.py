"""What reaches a training that is under way: labels, images and names, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.engine.protocol import (
    ArrayRef,
    ClassInfo,
    CloseImage,
    Event,
    LabelsChanged,
    OpenImage,
    RemoveLabels,
    SetClasses,
    SetLabels,
    StartTraining,
)
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Workspace
from napari_unet.training.trainer import Trainer

CLASSES = (ClassInfo(name="background", color="#000000"), ClassInfo(name="cell", color="#ff0000"))
PAINTED = np.zeros((64, 64), np.uint8)
PAINTED[:10], PAINTED[30:40] = 1, 2


def scene(scale: int = 1, dtype: Any = np.uint8) -> np.ndarray:
    noise = np.random.default_rng(0).normal(50, 10, PAINTED.shape)
    return ((noise + 80 * (PAINTED == 2)).clip(0, 255) * scale).astype(dtype)


class Engine:
    """Workspace and training, fed by hand."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._arrays = folder, 0
        self.workspace, self.events = Workspace(), list[Event]()
        self.service = TrainingService(self.workspace, self.events.append)

    def send(self, command: Any) -> None:
        self.workspace.handle(command)
        self.service.handle(command)

    def put(self, array: np.ndarray) -> ArrayRef:
        self._arrays += 1
        path = self._folder / f"{id(self)}-{self._arrays}.npy"
        np.save(path, array)
        return ArrayRef(kind="npy", path=str(path))

    def open(self, id: str, image: np.ndarray, name: str = "") -> None:
        self.send(OpenImage(id=id, name=name or id, array=self.put(image), axes="yx"))

    def label(self, id: str, labels: np.ndarray) -> None:
        self.send(SetLabels(image=id, array=self.put(labels), kind="scribbles"))

    def start(self, **fields: Any) -> None:
        settings = {"tile": 32, "batch": 2}
        arguments = {"width": 4, "depth": 2}
        common = {"settings": settings, "arguments": arguments, "device": "cpu"}
        self.send(StartTraining(classes=CLASSES, start="random", **(common | fields)))
        self.advance()

    def advance(self) -> None:
        """New labels wait until the last ones cost no more than half the time."""
        run = self.service.run
        assert run is not None
        run.labels._cost = 0.0
        for _ in range(3):
            self.service.advance()

    @property
    def trainer(self) -> Trainer:
        assert self.service.run is not None
        return self.service.run.trainer

    @property
    def counts(self) -> dict[str, list[int]]:
        """Labelled pixels of the first three classes, by image."""
        planes = self.trainer.data.planes.values()
        return {plane.image.name: plane.labelled[:3].tolist() for plane in planes}

    def notices(self) -> list[Any]:
        return [event for event in self.events if event.type == "notice"]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = Engine(tmp_path)
    made.open("a", scene())
    made.label("a", PAINTED)
    return made


def test_an_image_of_another_range_is_left_out_and_told_once(engine: Engine) -> None:
    engine.start()
    engine.open("b", scene(200, np.uint16))
    engine.label("b", PAINTED)
    engine.advance()
    for _ in range(2):
        engine.send(LabelsChanged(image="b", index=()))
        engine.advance()
    assert list(engine.counts) == ["a"]
    (notice,) = engine.notices()
    assert (notice.image, notice.level) == ("b", "warning")
    assert "grey values" in notice.message
    assert "Reset" in notice.message


def test_an_image_of_the_same_range_is_learnt_from(engine: Engine) -> None:
    engine.start()
    engine.open("b", scene()[::-1])
    engine.label("b", PAINTED[::-1])
    engine.advance()
    assert list(engine.counts) == ["a", "b"]
    assert not engine.notices()


def test_a_resumed_training_keeps_its_constants(engine: Engine, tmp_path: Path) -> None:
    checkpoint = str(tmp_path / "model.unet")
    engine.start(checkpoint=checkpoint)
    engine.service.keep()
    before = engine.trainer.data.normalisation
    again = Engine(tmp_path)
    for id, image in (("a", scene()), ("b", scene(200, np.uint16)), ("c", scene() // 2 + 20)):
        again.open(id, image)
        again.label(id, PAINTED)
    again.start(checkpoint=checkpoint, resume=True)
    assert again.trainer.data.normalisation == before
    assert list(again.counts) == ["a", "c"]
    assert [notice.image for notice in again.notices()] == ["b"]
    again.send(LabelsChanged(image="b", index=()))  # and it stays out
    again.advance()
    assert list(again.counts) == ["a", "c"]


def test_other_images_altogether_are_scaled_anew(engine: Engine, tmp_path: Path) -> None:
    checkpoint = str(tmp_path / "model.unet")
    engine.start(checkpoint=checkpoint)
    engine.service.keep()
    again = Engine(tmp_path)
    again.open("b", scene(200, np.uint16))
    again.label("b", PAINTED)
    again.start(checkpoint=checkpoint, resume=True)
    assert again.trainer.data.normalisation.high[0] > 20_000
    started = next(event for event in again.events if event.type == "training_started")
    told = [*started.notes, *(notice.message for notice in again.notices())]
    assert any("anew" in text for text in told)


def test_labels_that_were_replaced_are_forgotten_at_once(engine: Engine) -> None:
    engine.open("b", scene())
    engine.label("b", PAINTED)
    engine.start()
    balance = engine.trainer.pieces.balance.clone()
    step = engine.trainer.step
    mostly = PAINTED.copy()
    mostly[20:30] = 1
    engine.label("b", mostly)
    engine.advance()
    assert engine.counts["b"] == [1280, 640, 0]
    engine.label("b", np.zeros_like(PAINTED))  # New labels: nothing is painted yet
    engine.advance()
    assert engine.counts == {"a": [640, 640, 0]}
    assert engine.trainer.pieces.balance.equal(balance)
    assert engine.trainer.step > step
    engine.send(RemoveLabels(image="a"))
    engine.advance()
    assert engine.counts == {}
    assert len(engine.service.model().header.provenance.images) == 1  # it can still be kept


def test_removed_labels_weigh_no_more(engine: Engine) -> None:
    engine.start()
    balance = engine.trainer.pieces.balance.clone()
    mostly = PAINTED.copy()
    mostly[20:30] = 1
    engine.open("b", scene())
    engine.label("b", mostly)
    engine.advance()
    assert not engine.trainer.pieces.balance.equal(balance)
    engine.send(CloseImage(id="b"))
    assert engine.trainer.pieces.balance.equal(balance)


def test_an_image_that_was_renamed_is_not_learnt_from_twice(engine: Engine) -> None:
    engine.start()
    engine.open("a", scene(), name="renamed")
    engine.advance()
    assert list(engine.counts) == ["renamed"]
    engine.send(LabelsChanged(image="a", index=()))
    engine.advance()
    assert [image.name for image in engine.service.model().header.provenance.images] == ["renamed"]


def test_images_that_swap_names_are_both_learnt_from(engine: Engine) -> None:
    engine.open("b", scene())
    engine.label("b", PAINTED // 2)
    engine.start()
    for id, name in (("b", "between"), ("a", "b"), ("b", "a")):
        engine.open(id, scene(), name=name)
    engine.advance()
    assert engine.counts == {"b": [640, 640, 0], "a": [640, 0, 0]}


def test_a_model_knows_what_its_classes_are_called_by_now(engine: Engine) -> None:
    engine.start()
    vessel = ClassInfo(name="vessel", color="#00ff00")
    engine.send(SetClasses(classes=(CLASSES[0], CLASSES[1].model_copy(update={"name": "nucleus"}))))
    assert [c.name for c in engine.service.model().header.classes] == ["background", "nucleus"]
    engine.send(SetClasses(classes=(*CLASSES, vessel)))
    with_vessel = PAINTED.copy()
    with_vessel[50:60] = 3
    engine.label("a", with_vessel)
    engine.advance()
    described = engine.service.model().header.classes
    assert [c.name for c in described] == ["background", "cell", "vessel"]
    assert described[2].color == "#00ff00"
