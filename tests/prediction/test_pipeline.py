"""Reading ahead and writing behind: in order, bounded, and no error is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from napari_unet.prediction.pipeline import DEPTH, ReadAhead, WriteBehind


def test_what_is_asked_for_in_order_was_read_before() -> None:
    readers: list[str] = []

    def read(key: int) -> int:
        readers.append(threading.current_thread().name)
        return key * 10

    with ReadAhead(read, range(5)) as ahead:
        assert [ahead(key) for key in range(5)] == [0, 10, 20, 30, 40]
        assert set(readers) == {"read ahead"}
        assert ahead(7) == 70  # nobody knew that it would be wanted
    assert readers[-1] == "MainThread"


def test_another_key_in_between_loses_nothing() -> None:
    with ReadAhead(lambda key: key, [1, 2, 3]) as ahead:
        assert [ahead(key) for key in (1, 99, 2, 98, 3)] == [1, 99, 2, 98, 3]


def test_reading_keeps_to_its_depth() -> None:
    read: list[int] = []
    with ReadAhead(lambda key: read.append(key), range(100)) as ahead:
        ahead(0)
        time.sleep(0.2)
        assert len(read) <= 2 + DEPTH
    assert threading.active_count() < 50


def test_an_error_of_reading_comes_where_it_is_asked_for() -> None:
    def read(key: int) -> int:
        if key == 1:
            raise OSError("gone")
        return key

    with ReadAhead(read, range(3)) as ahead:
        assert ahead(0) == 0
        with pytest.raises(OSError, match="gone"):
            ahead(1)
        assert ahead(2) == 2


def test_an_error_of_the_keys_is_not_waited_for_ever() -> None:
    def keys() -> Iterator[int]:
        yield 0
        raise OSError("no more")

    said: list[object] = []

    def ask() -> None:
        with ReadAhead(lambda key: key * 10, keys()) as ahead:
            for key in range(3):
                try:
                    said.append(ahead(key))
                except OSError as error:
                    said.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(10)
    assert not asking.is_alive()
    assert said == [0, "no more", 20]  # said once; then it is read when asked for


def test_all_is_written_in_order() -> None:
    written: list[int] = []
    with WriteBehind(written.append) as writer:
        for number in range(20):
            writer.put(number)
    assert written == list(range(20))


def test_a_slow_writer_holds_the_network_up() -> None:
    gate, written = threading.Event(), []

    def write(number: int) -> None:
        gate.wait(5)
        written.append(number)

    with WriteBehind(write) as writer:
        for number in range(1 + DEPTH):
            writer.put(number)
        late = threading.Thread(target=writer.put, args=(9,))
        late.start()
        late.join(0.3)
        assert late.is_alive()
        gate.set()
        late.join(5)
    assert len(written) == 2 + DEPTH


@pytest.mark.parametrize("last", [True, False])
def test_an_error_of_writing_ends_it(last: bool) -> None:
    def write(number: int) -> None:
        if number == 3:
            raise OSError("full")

    def go() -> None:
        with WriteBehind(write) as writer:
            for number in range(4 if last else 1000):
                writer.put(number)

    with pytest.raises(OSError, match="full"):
        go()


def test_after_an_interruption_the_rest_is_dropped() -> None:
    written: list[int] = []
    begun = threading.Event()

    def write(number: int) -> None:
        begun.set()
        time.sleep(0.2)
        written.append(number)

    def go() -> None:
        with WriteBehind(write) as writer:
            for number in range(3):
                writer.put(number)
            begun.wait(5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go()
    time.sleep(0.3)
    assert written == [0]
