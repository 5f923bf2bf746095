"""What ``project.json`` holds. Internal files are named by ids, never by paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
    model_validator,
)

from napari_unet.model.header import ClassDescription

SCHEMA_VERSION = 1

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""Name of an image or of labels; lower case, so that two never mean one file anywhere."""

LabelsKind = Literal["scribbles", "classes", "objects", "regions"]
"""The label kinds, and ``regions``: non-zero = fully annotated."""

LABEL_DTYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bool")


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class FileReference(Record):
    """A file of the user's that the project points to but does not own."""

    path: str
    """Absolute path at the time it was added."""
    relative: str | None = None
    """The same seen from the project folder (with /), so that both can move together."""
    size: int | None = None
    """Bytes; None for folders (zarr)."""
    mtime_ns: int | None = None
    sha256: str | None = None
    """None until it has been computed in the background, and for folders."""


class ImageRecord(Record):
    """An image of the project.

    ``source``: "file" = ``file`` says where it lies; "copy" = a copy lies in ``images/<id>.npy``;
    "none" = it has no file and was too large to be copied (its labels are kept all the same).
    """

    id: Id
    name: str
    axes: str
    dims: int = Field(2, ge=2, le=3)
    spacing: tuple[float, ...] | None = None
    shape: tuple[int, ...]
    dtype: str
    source: Literal["file", "copy", "none"]
    file: FileReference | None = None
    view: dict[str, JsonValue] = Field(default_factory=dict)
    """Whatever the plugin wants back: scale, units, colormap, contrast limits (JSON values)."""


class LabelsRecord(Record):
    """Labels of an image; the pixels lie in ``labels/<id>/`` (snapshot and journal).

    ``shape`` is leading + spatial, in the order of the image's axes without c.
    """

    id: Id
    image: Id
    name: str
    kind: LabelsKind
    classes: tuple[ClassDescription, ...] = ()
    complete: bool = False
    """Every pixel counts as annotated, 0 too."""
    shape: tuple[Annotated[int, Field(ge=1)], ...]
    dtype: str
    view: dict[str, JsonValue] = Field(default_factory=dict)
    """As in ImageRecord."""

    @field_validator("dtype")
    @classmethod
    def _integer(cls, value: str) -> str:
        if value not in LABEL_DTYPES:
            raise ValueError(f"labels are whole numbers, not {value}")
        return value


class ProjectFile(Record):
    """The whole of ``project.json``."""

    schema_version: Literal[1] = 1
    created: str
    packages: dict[str, str] = Field(default_factory=dict)
    images: tuple[ImageRecord, ...] = ()
    labels: tuple[LabelsRecord, ...] = ()
    settings: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for records in (self.images, self.labels):
            ids = [record.id for record in records]
            if len(set(ids)) < len(ids):
                raise ValueError("two records have the same id")
        known = {image.id for image in self.images}
        for labels in self.labels:
            if labels.image not in known:
                raise ValueError(f"the labels {labels.name} belong to no image of the project")
        return self


def next_id(prefix: str, taken: Iterable[str]) -> str:
    """``prefix-1``, ``prefix-2``, ...: the first behind all that are taken."""
    numbers = [name.rpartition("-")[2] for name in taken if name.startswith(f"{prefix}-")]
    return f"{prefix}-{max((int(n) for n in numbers if n.isdecimal()), default=0) + 1}"
