"""Connections before aiohttp sees them: how many, and for how long they may say nothing. No socket."""

import asyncio

import pytest

from gateway.listeners.http.door import FIRST, IDLE, Door, Doors


class Transport(asyncio.Transport):
    def __init__(self):
        super().__init__({"peername": ("10.0.0.1", 4711)})
        self.written, self.ended, self.unread = b"", "", 0

    def write(self, data):
        self.written += data

    def close(self):
        self.ended = self.ended or "closed"

    def abort(self):
        self.ended = self.ended or "aborted"

    def is_closing(self):
        return bool(self.ended)

    def get_write_buffer_size(self):
        return self.unread


class Inner(asyncio.Protocol):
    def __init__(self):
        self.seen = []

    def connection_made(self, transport):
        self.seen.append("made")

    def data_received(self, data):
        self.seen.append(data)

    def connection_lost(self, exc):
        self.seen.append("lost")

    def pause_writing(self):
        self.seen.append("pause")

    def resume_writing(self):
        self.seen.append("resume")


class House:
    def __init__(self, most=2):
        self.now = 0.0
        self.turned_away = []
        self.doors = Doors(most, lambda: self.now, self.turned_away.append)

    def connect(self):
        inner = Inner()
        door, transport = Door(self.doors, lambda: inner), Transport()
        door.connection_made(transport)
        return door, transport, inner

    def at(self, now):
        self.now = now
        self.doors.turn()


@pytest.fixture
def house():
    return House()


def test_everything_is_passed_on(house):
    door, _, inner = house.connect()
    door.data_received(b"abc")
    door.pause_writing()
    door.resume_writing()
    door.eof_received()
    door.connection_lost(None)
    assert inner.seen == ["made", b"abc", "pause", "resume", "lost"]
    assert len(house.doors) == 0


def test_before_the_first_request(house):
    _, transport, _ = house.connect()
    house.at(FIRST - 0.1)
    assert not transport.ended
    house.at(FIRST)
    assert transport.ended == "closed"
    assert transport.written.startswith(b"HTTP/1.1 408 ")
    assert house.doors.slow == 1


def test_a_handler_may_take_its_time_and_then_the_client_has_his(house):
    _, transport, _ = house.connect()
    house.doors.begins(transport)
    house.at(3600)
    assert not transport.ended
    house.doors.ended(transport)
    house.at(3600 + IDLE - 0.1)
    assert not transport.ended
    house.at(3600 + IDLE)
    assert (transport.ended, transport.written) == ("closed", b""), (
        "no answer to a question that nobody asked"
    )


def test_one_that_does_not_read_its_answer_is_cut_off(house):
    _, transport, _ = house.connect()
    house.doors.begins(transport)
    house.doors.ended(transport)
    transport.unread = 1
    house.at(IDLE)
    assert transport.ended == "aborted"


def test_there_are_only_so_many(house):
    first, second = house.connect(), house.connect()
    house.doors.begins(first[1])
    house.doors.begins(second[1])
    door, transport, inner = house.connect()
    assert transport.written.startswith(b"HTTP/1.1 503 ")
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert (transport.ended, inner.seen, house.turned_away) == ("closed", [], ["10.0.0.1"])
    door.data_received(b"GET")
    door.connection_lost(None)
    first[0].connection_lost(None)
    assert house.connect()[1].ended == ""


def test_who_asks_nothing_makes_room_for_who_comes(house):
    silent, asked = house.connect(), house.connect()
    house.doors.begins(asked[1])
    house.doors.ended(asked[1])
    newer = house.connect()
    assert (silent[1].ended, asked[1].ended, newer[1].ended) == ("closed", "", "")
    assert silent[1].written.startswith(b"HTTP/1.1 408 ")
    assert (len(house.doors), house.doors.slow, house.turned_away) == (2, 1, ["10.0.0.1"])
    silent[0].connection_lost(None)
    assert len(house.doors) == 2
    house.doors.begins(newer[1])
    assert house.connect()[1].ended == ""
    assert (asked[1].ended, asked[1].written) == ("closed", b""), "its question was answered"
    assert newer[1].ended == ""


def test_strangers_transports_are_nobody_s(house):
    house.doors.begins(None)
    house.doors.ended(Transport())
    assert len(house.doors) == 0
