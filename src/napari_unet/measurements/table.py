"""How large, how round, how bright: one row an object, in physical units."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import regionprops_table

from napari_unet.annotations.objects import renumber
from napari_unet.images.axes import Index

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Column:
    """``key`` names it in files, ``power`` is that of the unit of length: 0 for a plain number."""

    key: str
    about: str
    power: int = 0


@dataclass(frozen=True)
class Row:
    """One object of one frame.

    ``centre`` (\\*index, \\*spatial) and ``sides`` (\\*spatial) are in pixels, ``values`` in the
    order of the table's columns; None where a value is undefined.
    """

    index: Index
    label: int
    centre: tuple[float, ...]
    sides: tuple[int, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """All rows. ``unit`` is that of lengths, 'px' where no pixel size is known."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    unit: str

    def headings(self, *, plain: bool = False) -> list[str]:
        """Columns with their units: ``area (µm²)``, or ``plain`` for files: ``area_um2``."""
        return [_heading(column, self.unit, plain) for column in self.columns]


@dataclass(frozen=True)
class Scale:
    """From pixels to the world, by spatial axis: size of a pixel, offset, and the unit of both."""

    spacing: tuple[float, ...]
    offset: tuple[float, ...]
    unit: str = "px"

    @property
    def isotropic(self) -> bool:
        return max(self.spacing) <= min(self.spacing) * (1 + 1e-6)


AREA = Column("area", "Area of its pixels", 2)
VOLUME = Column("volume", "Volume of its voxels", 3)
DIAMETER = Column("diameter", "Diameter of a circle (ball) of the same size", 1)
MAJOR = Column("major_axis", "Long axis of the ellipse of the same second moments", 1)
MINOR = Column("minor_axis", "Short axis of the ellipse of the same second moments", 1)
PERIMETER = Column("perimeter", "Length of the outline (Crofton's formula, 4 directions)", 1)
PLANE = (
    Column("eccentricity", "Of that ellipse: 0 = circle, 1 = line"),
    Column("orientation", "Angle of the long axis to the y axis in degrees, -90 to 90"),
    Column("solidity", "Part of its convex hull that it fills"),
)
CIRCULARITY = Column("circularity", "4 pi area / perimeter squared: 1 = circle")
BRIGHTNESS = (
    Column("intensity_mean", "Mean of the chosen image inside the object"),
    Column("intensity_sd", "Standard deviation of the chosen image inside the object"),
    Column("intensity_min", "Least value of the chosen image inside the object"),
    Column("intensity_max", "Greatest value of the chosen image inside the object"),
)


def measure(
    frames: Iterable[tuple[Index, Array, Array | None]],
    scale: Scale,
    leading: Sequence[str] = (),
) -> Table:
    """Measure the objects of some frames.

    Parameters
    ----------
    frames
        (index, objects (\\*spatial) with ids, image of the same shape or None).
    scale
        Of the spatial axes, so that sizes and places come out in its unit.
    leading
        Names of the leading axes; each becomes a column.

    Definitions are those of ``skimage.measure.regionprops``, with 2D outlines after Crofton. Where
    pixels are not square, outlines have no length and perimeter and circularity are left out.
    """
    dims = len(scale.spacing)
    rows: list[Row] = []
    bright = False
    for index, objects, image in sorted(frames, key=lambda frame: frame[0]):
        bright |= image is not None
        rows += _rows(tuple(index), objects, image, scale)
    columns = (
        Column("label", "Value of the object in the layer"),
        *(Column(name, "Frame or slice, from 0") for name in leading),
        *_columns(dims, scale.isotropic),
        *(Column(f"centre_{a}", f"Centre of mass along {a}", 1) for a in "zyx"[-dims:]),
        *(BRIGHTNESS if bright else ()),
    )
    return Table(columns, tuple(rows), scale.unit)


def to_csv(table: Table) -> str:
    """The table as text, one line an object, headings with their units in ASCII."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.headings(plain=True))
    for row in table.rows:
        writer.writerow(["" if v is None else repr(v) for v in row.values])
    return text.getvalue()


def _columns(dims: int, isotropic: bool) -> tuple[Column, ...]:
    pixels = Column("pixels", "Number of pixels (voxels)")
    if dims == 3:
        return (pixels, VOLUME, DIAMETER)
    outline = (PERIMETER, CIRCULARITY) if isotropic else ()
    return (pixels, AREA, DIAMETER, MAJOR, MINOR, *PLANE, *outline)


def _rows(index: Index, objects: Array, image: Array | None, scale: Scale) -> list[Row]:
    # Numbers without gaps: tables of all ids up to the largest could be huge.
    known = np.unique(objects)
    known, ids = known[known != 0], renumber(objects)
    dims = ids.ndim
    isotropic = scale.isotropic
    wanted = ["label", "num_pixels", "area", "equivalent_diameter_area", "bbox", "centroid"]
    if dims == 2:
        wanted += ["axis_major_length", "axis_minor_length", "eccentricity", "orientation"]
        wanted += ["solidity", *(["perimeter_crofton"] if isotropic else [])]
    if not known.size:
        return []
    found = regionprops_table(ids, properties=wanted, spacing=scale.spacing)
    bright = _brightness(ids, image, found["label"]) if image is not None else None
    rows = []
    for n, label in enumerate(known):
        low = [int(found[f"bbox-{a}"][n]) for a in range(dims)]
        high = [int(found[f"bbox-{a + dims}"][n]) for a in range(dims)]
        centre = [float(found[f"centroid-{a}"][n]) for a in range(dims)]
        values: list[Any] = [int(label), *index, int(found["num_pixels"][n])]
        values += [float(found["area"][n]), float(found["equivalent_diameter_area"][n])]
        if dims == 2:
            values += [float(found[k][n]) for k in ("axis_major_length", "axis_minor_length")]
            values += [float(found["eccentricity"][n])]
            values += [math.degrees(float(found["orientation"][n])), float(found["solidity"][n])]
        if dims == 2 and isotropic:
            length = float(found["perimeter_crofton"][n])
            round_ = 4 * math.pi * float(found["area"][n]) / length**2 if length else math.nan
            values += [length, round_]
        values += [c + o for c, o in zip(centre, scale.offset, strict=True)]
        values += [] if bright is None else [float(column[n]) for column in bright]
        pixels = [c / s for c, s in zip(centre, scale.spacing, strict=True)]
        rows.append(
            Row(
                index,
                int(label),
                (*index, *pixels),
                tuple(b - a for a, b in zip(low, high, strict=True)),
                tuple(None if isinstance(v, float) and math.isnan(v) else v for v in values),
            )
        )
    return rows


def _brightness(ids: Array, image: Array, labels: Array) -> tuple[Array, ...]:
    """Mean, standard deviation, minimum and maximum by object."""
    pixels = np.asarray(image, np.float64)
    statistics = (ndimage.mean, ndimage.standard_deviation, ndimage.minimum, ndimage.maximum)
    with np.errstate(divide="ignore", invalid="ignore"):  # there may be no background
        return tuple(np.asarray(one(pixels, ids, labels)) for one in statistics)


def _heading(column: Column, unit: str, plain: bool) -> str:
    if not column.power:
        return column.key
    if plain:
        power = "" if column.power == 1 else str(column.power)
        return f"{column.key}_{unit.replace('µ', 'u').replace('μ', 'u')}{power}"
    return f"{column.key.replace('_', ' ')} ({unit}{('', '²', '³')[column.power - 1]})"
