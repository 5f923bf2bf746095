"""From napari Image layers to images that the engine can read, without blocking the window."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.engine.client import EngineClient
from napari_unet.engine.protocol import ArrayRef, OpenImage
from napari_unet.errors import UserError
from napari_unet.images.axes import guess_axes
from napari_unet.images.image import Image

AT_ONCE = 32 * 2**20
"""Bytes that are copied without a thread."""


@dataclass(eq=False)
class ImageEntry:
    """An Image layer that the session knows. ``ready`` once the engine can read its pixels."""

    id: str
    layer: Any = field(repr=False)
    image: Image
    ref: ArrayRef | None = None
    ready: bool = False
    version: int = 0
    """Counts its pixels: a copy of earlier ones may come late."""
    replaced: float | None = None
    """When it got pixels that the project does not have yet."""
    project_id: str | None = None
    problem: str = ""
    waiting: list[Callable[[], None]] = field(default_factory=list, repr=False)
    known_name: str = ""
    """What it was called when layers were last named after it."""

    placed: dict[str, Any] = field(default_factory=dict, repr=False)
    """Where it lay when its layers were last laid over it."""

    def __post_init__(self) -> None:
        self.known_name = self.name

    @property
    def name(self) -> str:
        return str(self.layer.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading and spatial shape: that of labels."""
        return self.image.leading_shape + self.image.spatial_shape

    def volume(self) -> Image:
        """The same with z as a spatial axis, as the engine sees it where it works in 3D.

        The window always works in planes. Raises UserError when there is no z.
        """
        return replace(self.image, dims=3, spacing=_spacing(self.layer, self.image.axes, "zyx"))

    def layer_axes(self) -> list[int]:
        """Axes of the layer (without RGB) that labels have, in their order."""
        return [self.image.axes.index(a) for a in "tzyx" if a in self.image.axes]


def layer_data(layer: Any) -> Any:
    """The full-resolution array of an Image layer."""
    return layer.data[0] if layer.multiscale else layer.data


def describe(layer: Any, axes: str | None = None) -> Image:
    """The layer as an image: axes from its labels where they name them, else guessed.

    Raises
    ------
    UserError
        The layer is no image that can be learnt from.
    """
    data = layer_data(layer)
    if axes is None:
        labels = "".join(str(a)[:1].lower() for a in layer.axis_labels)
        named = all(len(str(a)) == 1 for a in layer.axis_labels)
        known = named and set(labels) <= set("tzcyx") and len(set(labels)) == len(labels)
        if known and {"y", "x"} <= set(labels):
            axes = labels + ("c" if layer.rgb else "")
        else:
            axes = guess_axes(data.shape, rgb=bool(layer.rgb))
    image = Image(str(layer.name), data, axes)
    if image.axes[-2:] != "yx" and image.axes[-3:] != "yxc":
        raise UserError(
            f"{layer.name} has the axes {image.axes}: move y and x to the end, so that labels can "
            "be painted on its planes."
        )
    return replace(image, spacing=_spacing(layer, image.axes, image.spatial_axes))


def spacing_of(entry: ImageEntry) -> tuple[float, ...]:
    """Size of a pixel by spatial axis, as the layer says it now."""
    return _spacing(entry.layer, entry.image.axes, entry.image.spatial_axes)


def _spacing(layer: Any, axes: str, wanted: str) -> tuple[float, ...]:
    scale = dict(zip(axes, layer.scale, strict=False))
    return tuple(abs(float(scale.get(a, 1.0))) for a in wanted)


def send_image(
    engine: EngineClient, entry: ImageEntry, done: Callable[[ImageEntry, str], None]
) -> None:
    """Make the pixels readable for the engine; ``done(entry, problem)`` may come from a thread.

    It comes even when the entry has other pixels by then; their copying ends early.

    A zarr array on disk is named, everything else is copied into the session's cache: small arrays
    at once, large and lazy ones piece by piece in a thread.
    """
    data = entry.image.data
    ref = _on_disk(data)
    if ref is not None:
        entry.ref = ref
        done(entry, "")
        return
    ref, target = engine.allocate(data.shape, np.dtype(data.dtype).newbyteorder("="))
    entry.ref, version = ref, entry.version
    if isinstance(data, np.ndarray) and data.nbytes <= AT_ONCE:
        target[...] = data
        done(entry, "")
        return

    def copy() -> None:
        problem = ""
        try:
            for part in _parts(target.shape, _chunks(data), AT_ONCE // target.itemsize):
                if entry.version != version:
                    break
                target[part] = np.asarray(data[part])
        except Exception as error:
            problem = f"{entry.image.name} could not be read: {error}"
        done(entry, problem)

    threading.Thread(target=copy, name=f"read {entry.image.name}", daemon=True).start()


def _chunks(data: Any) -> tuple[int, ...]:
    """What of an array is read together at least."""
    known: Any = getattr(data, "chunksize", None) or getattr(data, "chunks", None)  # dask, zarr
    if not isinstance(known, tuple) or len(known) != data.ndim:
        return (1,) * int(data.ndim)
    return tuple(max(1, int(n)) for n in known)


def _parts(
    shape: tuple[int, ...], chunks: tuple[int, ...], most: int
) -> Iterator[tuple[slice, ...]]:
    """Boxes of whole chunks, of at most ``most`` elements where a chunk has no more."""
    steps = [min(a, b) for a, b in zip(chunks, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        steps[axis] = min(shape[axis], steps[axis] * max(1, most // max(1, math.prod(steps))))
        if steps[axis] < shape[axis]:
            break
    counts = [-(-n // max(1, step)) for n, step in zip(shape, steps, strict=True)]
    for place in np.ndindex(*counts):
        yield tuple(slice(i * step, (i + 1) * step) for i, step in zip(place, steps, strict=True))


def _on_disk(data: Any) -> ArrayRef | None:
    """A reference to a zarr array that lies in a folder; None for anything else."""
    data = _stored(data)
    if not type(data).__module__.startswith("zarr"):
        return None
    root = getattr(data.store, "root", None)
    if not isinstance(root, Path):
        return None
    return ArrayRef(kind="zarr", path=str(root), component=str(data.path))


def _stored(data: Any) -> Any:
    """The zarr array behind a dask array that is all of it and nothing else, as napari opens them;
    any other array as it is."""
    name, layers = getattr(data, "name", ""), getattr(getattr(data, "dask", None), "layers", {})
    origin = f"original-{name}"
    if not str(name).startswith("from-zarr-") or set(layers) != {name, origin}:
        return data
    source = layers[origin].get(origin)
    same = getattr(source, "shape", None) == data.shape and source.dtype == data.dtype
    return source if same else data


def open_command(entry: ImageEntry, dims: int = 2) -> OpenImage:
    """What tells the engine about the image; with ``dims`` 3 as a volume."""
    assert entry.ref is not None
    image = entry.volume() if dims == 3 else entry.image
    return OpenImage(
        id=entry.id,
        name=entry.name,
        array=entry.ref,
        axes=image.axes,
        dims=image.dims,
        spacing=image.spacing,
    )
