"""Messages survive the pipe, and progress is merged without losing a loss."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from napari_unet.engine import protocol
from napari_unet.engine.coalesce import coalesce
from napari_unet.engine.events import ValidationFacts
from napari_unet.engine.protocol import (
    COMMANDS,
    EVENTS,
    Event,
    JobProgress,
    PreviewReady,
    TileDone,
    TrainingPaused,
    TrainingProgress,
    encode,
)

MESSAGES = [
    kind
    for kind in vars(protocol).values()
    if isinstance(kind, type) and issubclass(kind, protocol.Message) and "type" in kind.model_fields
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=2,
)


def instances(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(st.text(max_size=3), JSON, max_size=2)
    return st.builds(
        kind,
        **{
            name: objects if field.annotation == dict[str, Any] else st.from_type(field.annotation)
            for name, field in kind.model_fields.items()
        },
    )


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_round_trip(kind: type[BaseModel], data: st.DataObject) -> None:
    message = data.draw(instances(kind))
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    union = EVENTS if kind.__name__ in str(EVENTS.core_schema) else COMMANDS
    assert repr(union.validate_json(line)) == repr(message)  # repr, for NaN is not NaN


def test_every_message_is_a_command_or_an_event() -> None:
    for kind in MESSAGES:
        line = b'{"type": "%s"}' % kind.model_fields["type"].default.encode()
        for union in (COMMANDS, EVENTS):
            try:
                union.validate_json(line)
            except ValidationError as error:
                if error.errors()[0]["type"] != "union_tag_invalid":
                    break
            else:
                break
        else:
            pytest.fail(f"{kind.__name__} is in neither union")


def test_nan_loss_arrives() -> None:
    event = progress(3, math.nan)
    (loss,) = EVENTS.validate_json(encode(event)).losses
    assert math.isnan(loss[1])


def progress(step: int, loss: float = 0.5, iou: tuple[float, ...] | None = None) -> Event:
    return TrainingProgress(
        step=step,
        losses=((step, loss),),
        seconds=step / 10,
        steps_per_second=10,
        learning_rate=1e-3,
        validation_iou=iou,
    )


def job(name: str, done: int) -> JobProgress:
    return JobProgress(job=name, done=done, total=9)


def test_progress_is_merged_into_the_latest() -> None:
    preview = PreviewReady(image="a", index=(), box=((0, 1), (0, 1)), step=2)
    merged = coalesce([progress(1), progress(2, iou=(0.25,)), preview, progress(3)])
    assert [type(e) for e in merged] == [PreviewReady, TrainingProgress]
    assert merged[1] == progress(3).model_copy(
        update={"losses": ((1, 0.5), (2, 0.5), (3, 0.5)), "validation_iou": (0.25,)}
    )
    facts = ValidationFacts(low=0.2, high=0.3, units=4, labelled=9)
    known = progress(1, iou=(0.25,)).model_copy(update={"validation_facts": facts})
    (after,) = coalesce([known, progress(2)])
    assert after.validation_facts == facts
    assert EVENTS.validate_json(encode(after)) == after


def test_progress_is_not_merged_across_a_pause() -> None:
    events = [progress(1), TrainingPaused(step=1), progress(2)]
    assert coalesce(events) == events


def test_of_each_job_the_last_progress_remains() -> None:
    events = [job("a", 1), job("b", 1), progress(1), job("a", 2), progress(2)]
    merged = coalesce(events)
    assert [e for e in merged if isinstance(e, JobProgress)] == [job("b", 1), job("a", 2)]
    assert len(merged) == 3


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["progress", "job", "pause", "tile"]), max_size=12))
def test_nothing_else_is_lost_or_reordered(names: list[str]) -> None:
    box = ((0, 1), (0, 1))
    events: list[Event] = [
        {
            "progress": progress(i),
            "job": job("j", i),
            "pause": TrainingPaused(step=i),
            "tile": TileDone(
                job="j", index=(), number=i, total=12, output=box, input=box,
                confidence=1, entropy=0, foreground=0,
            ),
        }[name]
        for i, name in enumerate(names)
    ]  # fmt: skip
    merged = coalesce(events)
    kept = (TrainingPaused, TileDone)
    assert [e for e in merged if isinstance(e, kept)] == [e for e in events if isinstance(e, kept)]
    losses = [loss for e in merged if isinstance(e, TrainingProgress) for loss in e.losses]
    assert losses == [l for e in events if isinstance(e, TrainingProgress) for l in e.losses]  # noqa: E741
    assert coalesce(merged) == merged
