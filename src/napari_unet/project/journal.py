"""The journal of strokes: an append-only file of checked records (docs/file-formats.md).

All numbers are little-endian. The file begins with ``UNETJRN1`` and its generation (u64). Then come
records: length of the payload (u32), CRC-32 of sequence number and payload (u32), sequence number
(u64), payload. A record that the file's end cuts off is *torn*: the process died while writing it.
One whose CRC does not fit is *damaged*. Nothing behind either is read.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAGIC = b"UNETJRN1"
_HEADER = struct.Struct("<8sQ")
_RECORD = struct.Struct("<IIQ")
_SEQUENCE = struct.Struct("<Q")
MAX_PAYLOAD = 2**31
EMPTY_BYTES = _HEADER.size
"""Length of a journal without strokes."""


def _crc(sequence: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_SEQUENCE.pack(sequence)))


class Reader:
    """Iterates over (sequence, payload) of a journal, and afterwards tells how it ended.

    ``end``: bytes up to and with the last good record (0 if not even the header is good).
    ``problem``: None, "torn" or "damaged".
    """

    def __init__(self, path: Path, generation: int) -> None:
        self.path = path
        self.generation = generation
        self.end = 0
        self.problem: str | None = None

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                self.problem = "torn"
                return
            if header != _HEADER.pack(MAGIC, self.generation):
                self.problem = "damaged"
                return
            self.end = _HEADER.size
            yield from self._records(file, size)

    def _records(self, file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
        last = 0
        while self.end < size:
            head = file.read(_RECORD.size)
            if len(head) < _RECORD.size:
                self.problem = "torn"
                return
            length, crc, sequence = _RECORD.unpack(head)
            if self.end + _RECORD.size + length > size:
                self.problem = "torn"
                return
            if length > MAX_PAYLOAD or sequence <= last:
                self.problem = "damaged"
                return
            payload = file.read(length)
            if _crc(sequence, payload) != crc:
                self.problem = "damaged"
                return
            last = sequence
            self.end += _RECORD.size + length
            yield sequence, payload


class Journal:
    """A journal open for appending. ``size`` counts the bytes that are written."""

    def __init__(self, path: Path, generation: int, end: int = 0) -> None:
        """Go on behind ``end`` (from a :class:`Reader`); whatever stands there is cut off."""
        self.path = path
        self.generation = generation
        self._pending: list[bytes] = [] if end else [_HEADER.pack(MAGIC, generation)]
        # Unbuffered: when append returns, the stroke is the operating system's.
        self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self.size = end
        try:
            self._file.truncate(end)
            self._file.seek(end)
            self._write()
        except OSError:
            self._file.close()
            raise

    def append(self, sequence: int, payload: bytes) -> None:
        """Write one record. Raises OSError, but keeps the record and writes it before the next."""
        self._pending.append(
            _RECORD.pack(len(payload), _crc(sequence, payload), sequence) + payload
        )
        self._write()

    def _write(self) -> None:
        data = memoryview(b"".join(self._pending))
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:]) or 0
        except OSError:
            # Half a record must not stand before the next whole one.
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise
        self.size += written
        self._pending.clear()

    def flush(self) -> None:
        """Try again what the disk refused. Raises OSError."""
        self._write()

    def sync(self) -> None:
        """Wait until the disk has everything. Raises OSError."""
        if not self._file.closed:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what is pending, sync and close. Raises OSError."""
        if self._file.closed:
            return
        try:
            self._write()
            self.sync()
        finally:
            self._file.close()
