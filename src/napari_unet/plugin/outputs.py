"""What jobs write into: arrays on disk that both sides map, until the job is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_unet.engine.protocol import ArrayRef
from napari_unet.errors import UserError
from napari_unet.plugin.images import ImageEntry

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


@dataclass
class Outputs:
    """Of one job; ``arrays`` also holds what else is to be known when it is over."""

    entry: ImageEntry
    arrays: dict[str, Any]
    refs: dict[str, ArrayRef]


def allocate(
    session: Session, entry: ImageEntry, wanted: Mapping[str, tuple[Sequence[int], npt.DTypeLike]]
) -> Outputs:
    """Arrays by name, of a shape and dtype each. Raises UserError when the disk has no room."""
    made = Outputs(entry, {}, {})
    try:
        for name, (shape, dtype) in wanted.items():
            made.refs[name], made.arrays[name] = session.engine.allocate(shape, dtype)
    except UserError:
        release(session, made)
        raise
    return made


def keep(session: Session, job: str, outputs: Outputs) -> None:
    """Until the job is over, which it may be already."""
    if job in session.jobs:
        session.outputs[job] = outputs
    else:
        release(session, outputs)


def release(session: Session, outputs: Outputs | None) -> None:
    """Remove the files. What is shown of them was copied."""
    if outputs is None:
        return
    outputs.arrays.clear()  # Windows removes no file that is mapped
    for ref in outputs.refs.values():
        session.engine.release(ref)


def drop(session: Session, job: str) -> None:
    """The job is over and nothing of it is shown."""
    release(session, session.outputs.pop(job, None))
