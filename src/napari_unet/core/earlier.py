"""What earlier predictions have left: outputs among the images, finished and half-done files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from napari_unet.errors import UserError
from napari_unet.images.reading import stem
from napari_unet.prediction.device import PRECISIONS
from napari_unet.prediction.files import FORMATS, made_by
from napari_unet.prediction.output import DTYPES
from napari_unet.prediction.unfinished import job_id, job_in
from napari_unet.prediction.way import Way

_OUTPUT = re.compile(rf"\.({'|'.join(DTYPES)})\.({'|'.join(FORMATS)})$")

EVERY_WAY = tuple(
    Way(precision, channels_last, folded, graphs=graphs, packed=packed)
    for precision in PRECISIONS
    for channels_last, folded, graphs, packed in product((True, False), repeat=4)
)
"""In which a prediction can have been made where nobody chose one."""


def images_among(paths: Sequence[Path], spec: str | Path) -> tuple[list[Path], int]:
    """``paths`` that ``spec`` stands for without outputs of ours, and how many those were.

    Outputs are written beside the images where the folder of both is the same: named as one, such
    a file was made by this program, or the image of which it is one lies beside it. A file that
    was named itself is taken as it is.

    Raises
    ------
    UserError
        There are only outputs.
    """
    if list(paths) == [Path(spec).expanduser()]:
        return list(paths), 0
    named = [path for path in paths if _OUTPUT.search(path.name)]
    beside = {(path.parent, stem(path)) for path in paths if not _OUTPUT.search(path.name)}
    ours = {
        path for path in named if (path.parent, stem(path)) in beside or made_by(path) is not None
    }
    images = [path for path in paths if path not in ours]
    if not images:
        raise UserError(
            f"All images of {spec} are predictions of this program: name one to use it."
        )
    return images, len(ours)


@dataclass(frozen=True)
class Earlier:
    """What there is of one image's prediction.

    ``there``: outputs under their names, each with the job that made it. ``way``: in which what is
    of use was computed, if anything is. ``finished``: all outputs are there, and nothing of the
    same was begun again. ``useless``: there may be a folder that nobody goes on with.
    """

    there: dict[Path, str | None] = field(default_factory=dict)
    way: Way | None = None
    finished: bool = False
    useless: bool = False


def look(
    folder: Path, paths: Sequence[Path], job: Mapping[str, Any], ways: Sequence[Way]
) -> Earlier:
    """Whether ``job`` was finished before in one of ``ways``, or begun in ``folder``.

    What is fastest can be measured again at any time: that alone makes no result worthless.
    """
    there = {path: made_by(path) for path in paths if path.exists()}
    # As it will be read: tuples become lists.
    jobs = {way: json.loads(json.dumps({**job, "way": str(way)})) for way in ways}
    before = job_in(folder)
    begun = next((way for way, one in jobs.items() if one == before), None)
    if begun is not None and any((folder / path.name).exists() for path in paths):
        return Earlier(there, begun)
    if len(there) == len(paths):
        made = set(there.values())
        done = next((way for way, one in jobs.items() if {job_id(one)} == made), None)
        if done is not None:
            useless = before is None or begun is not None
            return Earlier(there, done, finished=True, useless=useless)
    return Earlier(there, begun)
