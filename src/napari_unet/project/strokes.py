"""A change of labels as bytes: runs of pixels in C order and the values they took.

Any set of pixels in any number of dimensions is a list of runs over the flattened array; a brush
stroke is one run a row. Payload (little-endian): dtype of the values (4 bytes, as in numpy's
``str``, padded with zeros), number of runs (u64), bytes per gap (u8), bytes per length (u8), 1 if
one value holds for all pixels (u8), 0 (u8); then one zlib stream of the gaps (pixels between the
end of the previous run and the start of this one), the lengths, and the value or values.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Values = npt.NDArray[np.integer] | npt.NDArray[np.bool_]

_HEAD = struct.Struct("<4sQBBBB")
_DTYPES = {np.dtype(c).newbyteorder("<").str for c in "bBhHiIqQ?"}


class BadStrokeError(ValueError):
    """A payload that does not fit its array."""


def encode(flat: Ints, values: npt.ArrayLike) -> bytes:
    """Bytes for "the pixels ``flat`` took ``values``".

    ``flat``: sorted, unique indices into the flattened array, at least one. ``values``: one for all
    or one for each.
    """
    values = np.asarray(values)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False).reshape(-1)
    single = bool((values == values[0]).all())
    first = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1] + 1) + 1))
    starts = flat[first]
    lengths = np.diff(first, append=len(flat))
    gaps = starts - np.concatenate(([0], (starts + lengths)[:-1]))
    gaps = gaps.astype(np.min_scalar_type(int(gaps.max())).newbyteorder("<"))
    lengths = lengths.astype(np.min_scalar_type(int(lengths.max())).newbyteorder("<"))
    head = _HEAD.pack(
        values.dtype.str.encode(), len(gaps), gaps.itemsize, lengths.itemsize, single, 0
    )
    body = gaps.tobytes() + lengths.tobytes() + (values[:1] if single else values).tobytes()
    return head + zlib.compress(body, 1)


def decode(payload: bytes, size: int) -> tuple[Ints, Values]:
    """(sorted flat indices, values of the same length), for an array of ``size`` pixels.

    Raises BadStrokeError for anything that does not fit; never makes more than ``size`` pixels.
    """
    try:
        name, runs, gap_bytes, length_bytes, single, _ = _HEAD.unpack_from(payload)
        dtype_name = name.rstrip(b"\0").decode("ascii")
        if dtype_name not in _DTYPES or not 0 < runs <= size:
            raise BadStrokeError("unknown values or number of runs")
        dtype = np.dtype(dtype_name)
        stream = zlib.decompressobj()
        body = payload[_HEAD.size :]
        table = stream.decompress(body, runs * (gap_bytes + length_bytes))
        gaps = np.frombuffer(table, f"<u{gap_bytes}", runs).astype(np.int64)
        lengths = np.frombuffer(table, f"<u{length_bytes}", runs, runs * gap_bytes)
        lengths = lengths.astype(np.int64)
        # In float64 no sum of forged numbers can overflow unseen.
        extent = gaps.sum(dtype=np.float64) + lengths.sum(dtype=np.float64)
        if gaps.min() < 0 or lengths.min() < 1 or extent > size:
            raise BadStrokeError("runs outside the array")
        count = int(lengths.sum())
        wanted = (1 if single else count) * dtype.itemsize
        values = np.frombuffer(stream.decompress(stream.unconsumed_tail, wanted), dtype)
        if values.nbytes != wanted:
            raise BadStrokeError("too few values")
    except (struct.error, zlib.error, ValueError, TypeError) as error:
        raise BadStrokeError(str(error)) from error
    # Before a pixel lie all pixels listed before it, and all gaps up to that of its own run.
    flat = np.repeat(np.cumsum(gaps), lengths) + np.arange(count)
    return flat, np.broadcast_to(values, (count,))


def from_pixels(
    shape: tuple[int, ...], coordinates: tuple[npt.ArrayLike, ...], values: npt.ArrayLike
) -> tuple[Ints, npt.NDArray[np.generic]]:
    """Sorted unique flat indices and their values; of repeated pixels the last counts."""
    flat = np.ravel_multi_index(tuple(np.asarray(c).reshape(-1) for c in coordinates), shape)
    values = np.broadcast_to(np.asarray(values), flat.shape)
    unique, last = np.unique(flat[::-1], return_index=True)
    return unique.astype(np.int64), values[::-1][last]


def from_change(
    shape: tuple[int, ...],
    before: npt.NDArray[np.generic],
    after: npt.NDArray[np.generic],
    index: tuple[int, ...],
) -> tuple[Ints, npt.NDArray[np.generic]]:
    """Flat indices and new values where two versions of ``labels[index]`` differ."""
    flat = np.flatnonzero(before != after)
    values = after.reshape(-1)[flat]
    if index:
        offset = int(np.ravel_multi_index(index, shape[: len(index)])) * before.size
        flat = flat + offset
    return flat, values
