"""A list that is read in slices: what is left, begun anew, and a disk that refuses in the middle."""

import asyncio
import sqlite3

import pytest

from gateway.reading import Reading


class Shelf:
    """Three books. torn: the turn at which the disk refuses."""

    def __init__(self, torn=None):
        self.torn = torn
        self.read = []
        self.prepared = 0

    def __call__(self):
        self.prepared += 1
        yield
        for book in "abc":
            if book == self.torn:
                self.torn = None
                raise sqlite3.OperationalError("disk I/O error")
            self.read.append(book)
            yield


def test_it_is_unread_until_its_last_slice():
    async def story():
        shelf = Shelf()
        reading = Reading("books", shelf)
        assert (reading.unread, reading.turn()) == (False, False)
        await reading.over()  # nothing was begun
        reading.begin()
        assert (shelf.prepared, shelf.read, reading.unread) == (1, [], True)
        waits = asyncio.ensure_future(reading.over())
        assert [reading.turn() for _ in range(3)] == [True] * 3
        await asyncio.sleep(0)
        assert not waits.done()
        assert (reading.turn(), reading.unread) == (False, False)
        await waits
        assert shelf.read == ["a", "b", "c"]

    asyncio.run(story())


def test_begun_in_the_middle_it_is_read_anew():
    shelf = Shelf()
    reading = Reading("books", shelf)
    reading.begin()
    reading.turn()
    reading.begin()
    reading.finish()
    assert (shelf.prepared, shelf.read, reading.unread) == (2, ["a", "a", "b", "c"], False)


def test_what_the_disk_refuses_is_asked_for_again():
    shelf = Shelf(torn="b")
    reading = Reading("books", shelf)
    reading.begin()
    reading.turn()
    with pytest.raises(sqlite3.OperationalError):
        reading.turn()
    assert reading.unread
    reading.finish()
    assert shelf.read == ["a", "a", "b", "c"]
