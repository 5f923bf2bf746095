"""What goes to and comes from a process that does one long thing and ends. Free of torch.

The task goes in as one line of JSON; then stdin stays open as a life line. Events come back a line
each, named by their class: those of the comparison and of the advice, and :class:`Refused`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from napari_unet.advice.advised import Advised, Trying
from napari_unet.annotations.kinds import LabelKind
from napari_unet.comparison.events import Planned, Ran, Reported, Training
from napari_unet.engine.messages import Message


class Compare(Message):
    """The comparison that is asked for in ``folder`` (its ``request.json``), or the rest of it."""

    type: Literal["compare"] = "compare"
    folder: str


class Advise(Message):
    """Advice on images and labels; see `napari_unet.advice.advising.advise`. Bytes, seconds."""

    type: Literal["advise"] = "advise"
    images: str
    labels: str
    regions: str | None = None
    kind: LabelKind | None = None
    memory: int | None = None
    seconds_per_image: float | None = None
    comparison: str | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Refused:
    """It could not be done; a sentence for the user."""

    message: str


Task = Annotated[Compare | Advise, Field(discriminator="type")]
TASK: TypeAdapter[Task] = TypeAdapter(Task)
_EVENTS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (Planned, Training, Ran, Reported, Trying, Advised, Refused)
}


def encode_event(event: object) -> bytes:
    """A line of JSON with its newline; not-a-number stays one."""
    name = type(event).__name__
    return json.dumps([name, _EVENTS[name].dump_python(event, mode="json")]).encode() + b"\n"


def decode_event(line: bytes) -> Any:
    """The event; ValueError (so is pydantic's) for a line that is none."""
    try:
        name, content = json.loads(line)
        return _EVENTS[name].validate_python(content)
    except (KeyError, TypeError) as error:
        raise ValueError("no event") from error
