"""Records are read back up to the first that is not whole."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.project.journal import EMPTY_BYTES, Journal, Reader

PAYLOADS = [b"a", b"", b"x" * 300, b"\0" * 7]


def written(path: Path, payloads: list[bytes] = PAYLOADS) -> list[int]:
    """Write a journal; where each record ends."""
    journal = Journal(path, 3)
    ends = [journal.size]
    for number, payload in enumerate(payloads, 1):
        journal.append(number, payload)
        ends.append(journal.size)
    journal.close()
    return ends


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ends = written(path)
    reader = Reader(path, 3)
    assert list(reader) == list(enumerate(PAYLOADS, 1))
    assert (reader.problem, reader.end) == (None, ends[-1])


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400))
def test_cut_at_any_byte_leaves_the_whole_records(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "journal"
    ends = written(path)
    cut = min(cut, ends[-1])
    with path.open("r+b") as file:
        file.truncate(cut)
    reader = Reader(path, 3)
    found = list(reader)
    assert len(found) == max(sum(end <= cut for end in ends) - 1, 0)
    assert reader.problem == (None if cut in ends else "torn")

    journal = Journal(path, 3, reader.end)
    journal.append(99, b"after")
    journal.close()
    again = Reader(path, 3)
    assert list(again) == [*found, (99, b"after")]
    assert again.problem is None


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 371), bit=st.integers(0, 7))
def test_a_flipped_bit_ends_the_reading(
    place: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("bit") / "journal"
    ends = written(path)
    content = bytearray(path.read_bytes())
    assert len(content) > 371
    content[place] ^= 1 << bit
    path.write_bytes(content)
    reader = Reader(path, 3)
    found = list(reader)
    assert found == list(enumerate(PAYLOADS, 1))[: max(sum(end <= place for end in ends) - 1, 0)]
    assert reader.problem in ("damaged", "torn")


def test_a_journal_of_another_generation_is_not_ours(tmp_path: Path) -> None:
    written(tmp_path / "journal")
    reader = Reader(tmp_path / "journal", 4)
    assert list(reader) == []
    assert reader.problem == "damaged"


def test_full_disk_leaves_no_half_record_and_the_record_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, 3)
    journal.append(1, b"one")
    real = journal._file

    class Full:
        """Takes five bytes, then the disk is full."""

        def __init__(self) -> None:
            self.room = 5

        def write(self, data: memoryview) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written, self.room = real.write(data[: self.room]), 0
            return written

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    journal._file = Full()  # type: ignore[assignment]
    with pytest.raises(OSError, match="space"):
        journal.append(2, b"two")
    with pytest.raises(OSError, match="space"):
        journal.append(3, b"three")
    assert list(Reader(path, 3)) == [(1, b"one")]
    assert path.stat().st_size == journal.size

    journal._file = real  # there is room again
    journal.append(4, b"four")
    journal.close()
    assert [payload for _, payload in Reader(path, 3)] == [b"one", b"two", b"three", b"four"]


def test_an_empty_journal_has_its_header_only(tmp_path: Path) -> None:
    Journal(tmp_path / "journal", 0).close()
    assert (tmp_path / "journal").stat().st_size == EMPTY_BYTES
