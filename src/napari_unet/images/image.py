"""An image: an array that knows what its axes mean, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.images.axes import Box, Index, check_axes

__all__ = ["ArrayLike", "Box", "Image", "Index"]


class ArrayLike(Protocol):
    """What is asked of an array: numpy, memory map, dask, zarr and h5py all have it."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Image:
    """An array of any real dtype with named axes, never copied whole.

    Whatever the order of ``axes``, everything comes out in the order t, z, c, y, x. With ``dims``
    2, t and z are *leading* axes and every (y, x) plane is an image of its own; with 3, only t is
    leading and (z, y, x) is spatial. ``spacing`` is the size of a pixel by spatial axis, in
    micrometres where the file says so. Labels are images without c: ``read(...)[0]``.

    Raises
    ------
    UserError
        Axes that do not fit the array, no pixels, or a dtype that is no real number.
    """

    name: str
    data: ArrayLike = field(repr=False)
    axes: str
    dims: int = 2
    spacing: tuple[float, ...] | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", check_axes(self.axes, len(self.data.shape)))
        if self.dims not in (2, 3):
            raise UserError(f"{self.name}: an image has 2 or 3 spatial axes, not {self.dims}.")
        if self.dims == 3 and "z" not in self.axes:
            raise UserError(
                f"{self.name} has the axes {self.axes}: for 3 spatial axes, with a pixel size "
                f"each, one must be z."
            )
        if 0 in self.data.shape:
            raise UserError(f"{self.name} has no pixels: its shape is {tuple(self.data.shape)}.")
        if np.dtype(self.data.dtype).kind not in "buif":
            raise UserError(
                f"{self.name} holds values of type {self.data.dtype}: "
                "only real numbers can be used as an image."
            )
        if self.spacing is not None and (
            len(self.spacing) != self.dims or not all(0 < s < np.inf for s in self.spacing)
        ):
            raise UserError(
                f"{self.name}: a pixel size of {self.spacing} does not fit; "
                f"give {self.dims} positive numbers, one for each of {self.spatial_axes}."
            )

    def _length(self, axis: str) -> int:
        return int(self.data.shape[self.axes.index(axis)])

    @property
    def channels(self) -> int:
        """Number of channels, 1 without a channel axis."""
        return self._length("c") if "c" in self.axes else 1

    @property
    def spatial_axes(self) -> str:
        """``yx`` or ``zyx``."""
        return "zyx"[-self.dims :]

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        return tuple(self._length(a) for a in self.spatial_axes)

    @property
    def leading_axes(self) -> str:
        """Those of t and z that are not spatial, in this order."""
        return "".join(a for a in "tz" if a in self.axes and a not in self.spatial_axes)

    @property
    def leading_shape(self) -> tuple[int, ...]:
        return tuple(self._length(a) for a in self.leading_axes)

    def indices(self) -> Iterator[Index]:
        """Every leading position, the last axis fastest; once () without leading axes."""
        return iter(np.ndindex(*self.leading_shape))

    def read(self, index: Index = (), box: Box | None = None) -> npt.NDArray[Any]:
        """Pixels of one leading position, as a new array (C, *spatial) in native byte order.

        Only ``box`` is read from disk or computed. The dtype is that of the data, except that
        truth values become uint8.

        Raises
        ------
        UserError
            The file behind the array can no longer be read.
        """
        box = box or tuple((0, n) for n in self.spatial_shape)
        if not all(0 <= a < b <= n for (a, b), n in zip(box, self.spatial_shape, strict=True)):
            raise ValueError(f"box {box} does not lie inside {self.spatial_shape}")
        wanted: dict[str, int | slice] = {"c": slice(None)}
        wanted.update(zip(self.leading_axes, index, strict=True))
        wanted.update((a, slice(*span)) for a, span in zip(self.spatial_axes, box, strict=True))
        kept = [a for a in self.axes if a not in self.leading_axes]
        try:
            block = np.asarray(self.data[tuple(wanted[a] for a in self.axes)])
        except Exception as error:
            if self.path is None or isinstance(error, IndexError):
                raise
            raise UserError(f"{self.path} can no longer be read: {error}") from error
        order = [kept.index(a) for a in "czyx" if a in kept]
        block = block.transpose(order)
        native = np.uint8 if block.dtype.kind == "b" else block.dtype.newbyteorder("=")
        pixels = np.array(block, dtype=native, order="C")
        return pixels if "c" in kept else pixels[np.newaxis]
