"""The stream: what changes, at once, to everybody, at nobody's cost; and how it ends."""

import asyncio
import contextlib
import gc
import json
import socket
import time
from urllib.parse import urlencode

import pytest
from page_stage import Stage
from running_http import ADMIN, OPERATOR, VIEWER

from gateway.bus import Bus
from gateway.listeners.http.page import stream as module
from gateway.listeners.http.page.home import SECTIONS
from gateway.stores.store import StoreError

PARTS = {*SECTIONS, "title", "live", "announce", "state"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("stage")) as running:
        running.all_up()
        yield running


class Viewer:
    """A browser's EventSource, by hand. kept: the newest of each part; ended: whether it was told so."""

    def __init__(self, stage, token=VIEWER, receive_buffer=0):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = stage.http("POST", "/login", body=urlencode({"token": token}).encode(), headers=form)
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", stage.http_port))
        self.socket.sendall(
            f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n\r\n".encode()
        )
        self.socket.settimeout(5.0)
        self.file = self.socket.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.file.read(1)
        self.kept, self.parts, self.ended, self.rest = {}, [], False, b""

    @property
    def status(self):
        return int(self.head.split()[1])

    def more(self):
        """One chunk of the transfer; False at the end."""
        size = int(self.file.readline() or b"0", 16)
        self.rest += self.file.read(size)
        self.file.readline()
        *whole, self.rest = self.rest.split(b"\n\n")
        for event in whole:
            fields = dict(line.split(": ", 1) for line in event.decode().split("\n"))
            if fields.get("event") == "end":
                self.ended = True
            else:
                part = json.loads(fields["data"])
                self.kept[part["id"]] = part["html"]
                self.parts.append(part["id"])
        return size > 0

    def until(self, true, timeout=5.0):
        """Seconds that it took."""
        began = time.monotonic()
        while not true(self):
            assert time.monotonic() - began < timeout, (self.kept, self.ended)
            if not self.more():
                break
        assert true(self)
        return time.monotonic() - began

    def all_of_it(self):
        self.until(lambda viewer: set(viewer.kept) == PARTS)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def stream_of(stage):
    return stage.page._stream


def test_all_parts_come_first_and_then_what_changes(stage):
    with Viewer(stage) as viewer:
        assert b"text/event-stream" in viewer.head
        viewer.all_of_it()
        viewer.parts.clear()
        viewer.until(lambda v: v.parts.count("live") >= 2)
        assert viewer.parts.count("live") == 2
        assert "accounts" not in viewer.parts
        assert "flow" not in viewer.parts


def test_a_bearers_fall_is_on_the_stream_within_a_second(stage):
    with Viewer(stage) as viewer:
        viewer.all_of_it()
        began = time.monotonic()
        stage.cut()
        viewer.until(
            lambda v: (
                "down" in v.kept["bearers"].split('id="bearer-orange"')[0]
                and "link.lost" in v.kept["bearers"]
            )
        )
        assert time.monotonic() - began < 1.0
        viewer.until(
            lambda v: "bearer sfr is down" in v.kept["announce"], 3.0
        )  # the alarm: after lookout.DOWN
        stage.mend()
        viewer.until(lambda v: "bearer sfr" not in v.kept["announce"])


def test_buttons_are_for_operators(stage):
    with Viewer(stage, VIEWER) as viewer, Viewer(stage, OPERATOR) as operator:
        assert "/acts/" not in viewer.all_of_it().kept["bearers"]
        assert "/acts/link.disable?name=orange" in operator.all_of_it().kept["bearers"]


def test_many_viewers_are_one_picture(stage, monkeypatch):
    stream, painted = stream_of(stage), []
    stage.until(lambda: stream.viewers == 0)  # those of other tests: a write tells that they have left
    paint = stream._paint
    monkeypatch.setattr(
        stream, "_paint", lambda view, operator: painted.append(view["at"]) or paint(view, operator)
    )
    with contextlib.ExitStack() as open_:
        viewers = [open_.enter_context(Viewer(stage)) for _ in range(20)]
        for viewer in viewers:
            viewer.all_of_it()
        assert stream.viewers == 20
        before, began = len(painted), time.monotonic()
        for viewer in viewers:
            viewer.parts.clear()
            viewer.until(lambda v: v.parts.count("live") >= 2)
        passed = time.monotonic() - began
        assert len(painted) - before <= 2 * (passed + 1)
    stage.until(lambda: stream.viewers == 0)


def test_when_nobody_looks_nothing_is_painted(stage):
    stream = stream_of(stage)
    with Viewer(stage) as viewer:
        viewer.all_of_it()
        assert any(subscription.name == "page" for subscription in stage.app.bus._subscriptions)
    stage.until(lambda: stream._painter is None)
    assert not any(subscription.name == "page" for subscription in stage.app.bus._subscriptions)
    assert stream._painted == {}


def test_one_too_many_is_told(stage, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    with Viewer(stage) as one, Viewer(stage) as two, Viewer(stage) as three:
        assert [one.status, two.status, three.status] == [200, 200, 503]
        assert b"Retry-After" in three.head


def test_one_who_does_not_read_is_cut_off_and_slows_nobody(stage, monkeypatch):
    stream = stream_of(stage)
    monkeypatch.setattr(module, "SLOW", 1.5)
    paint, number = stream._paint, iter(range(10_000))
    monkeypatch.setattr(
        stream, "_paint", lambda view, op: {**paint(view, op), "live": f"{next(number)}" + "x" * 3_000_000}
    )
    with Viewer(stage, receive_buffer=4096), Viewer(stage) as reader:
        reader.all_of_it()
        began = time.monotonic()
        (message,) = stage.put("+33670000001", "otp")
        stage.until(lambda: stage.app.dispatcher.roads["orange"].accepted)
        assert time.monotonic() - began < 1.0, message
        reader.until(lambda v: stream.viewers == 1, 10.0)
        reader.parts.clear()
        reader.until(lambda v: "live" in v.parts)


def test_a_log_out_ends_it(stage):
    with Viewer(stage, ADMIN) as viewer:
        viewer.all_of_it()
        sessions = stage.page._visits._sessions
        stage.call(sessions.close, viewer.cookie.partition("=")[2])
        assert viewer.until(lambda v: v.ended) < 2.0
        assert not viewer.more()


def test_a_picture_that_fails_is_missing_and_no_more(stage, monkeypatch):
    stream = stream_of(stage)
    with Viewer(stage) as viewer:
        viewer.all_of_it()
        take, failed = stream._take, []

        async def once(age):
            if not failed:
                failed.append(age)
                raise StoreError("a disk that hiccups")
            return await take(age)

        monkeypatch.setattr(stream, "_take", once)
        viewer.until(lambda v: bool(failed) or v.more())
        viewer.parts.clear()
        viewer.until(lambda v: "live" in v.parts)


def test_only_the_head_is_asked(stage):
    with Viewer(stage) as viewer:
        connection = stage.connection()
        connection.request("HEAD", "/events", headers={"Cookie": viewer.cookie})
        assert connection.getresponse().status == 200
        connection.close()


def test_the_end_of_the_gateway_ends_it_at_once(tmp_path):
    with Stage(tmp_path) as site, Viewer(site) as viewer:
        viewer.all_of_it()
        began = time.monotonic()
        site.run(site.app.web.stop())
        assert time.monotonic() - began < 2.0
        viewer.until(lambda v: v.ended)


def test_a_gateway_that_stops_between_two_pictures_leaves_nothing_unawaited(recwarn):
    """The painter is cancelled while it rests: a coroutine made before that would never be awaited."""

    async def main():
        async def take(_age):
            return {}

        stream = module.Stream(take, lambda *_: {}, Bus(), asyncio.Event())
        stream._viewers = 1
        stream._painter = asyncio.create_task(stream._keep_painting())
        while not stream._painted:
            await asyncio.sleep(0)
        await stream.stop()
        gc.collect()

    asyncio.run(main())
    assert [str(warning.message) for warning in recwarn] == []
