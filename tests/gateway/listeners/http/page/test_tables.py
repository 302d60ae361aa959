"""Tables keep their sense on a narrow screen, and say what there is."""

from zoneinfo import ZoneInfo

from page_reader import Page

from gateway.listeners.http.page import tables
from gateway.listeners.http.page.history import Point

NOW, THEN = "2026-11-22T02:16:09.000Z", "2026-11-22T02:12:05.000Z"
PARIS = ZoneInfo("Europe/Paris")


def read(html):
    return Page(f"<!DOCTYPE html><html>{html}</html>")


def test_each_cell_knows_its_column_and_its_role():
    page = read(tables.table("Caption", ("Name", "Count"), [("<a>", 1), ("b", 2)]))
    assert page.one("caption").text == "Caption"
    assert page.one("table").rows() == [["<a>", "1"], ["b", "2"]]
    assert [cell["data-label"] for cell in page.all("td")] == ["Count", "Count"]
    assert {node["role"] for node in page.all() if node.get("role")} == {
        "table", "rowgroup", "row", "columnheader", "rowheader", "cell",
    }  # fmt: skip


def test_the_queue_and_its_holds():
    kinds = {
        "otp": {"count": 0, "held": 0, "oldest_age_s": None},
        "marketing": {"count": 1250, "held": 1250, "oldest_age_s": 65.0},
    }
    hold = {"words": "tag <soldes>", "flow": {"route": "", "kind": "", "account": "", "tag": "<soldes>"}}
    view = {"waiting": {"total": 1250, "kinds": kinds}, "holds": [hold]}
    page = read(tables.queue(view, operator=True))
    assert page.one("table").rows() == [["otp", "0", "0", "–"], ["marketing", "1 250", "1 250", "1 min"]]
    assert page.one("a")["href"] == "/acts/queue.release?tag=%3Csoldes%3E"
    assert list(read(tables.queue(view, operator=False)).all("a")) == []


def test_accounts():
    def account(name, **more):
        return {
            "name": name,
            "binds": [],
            "bound": 0,
            "admitted_per_s": 0.0,
            "rate": 0.0,
            "owed": 0,
            "owed_oldest_s": None,
            **more,
        }

    view = {"at": NOW, "accounts": [
        account("away"), account("one", bound=1, binds=[{"since": THEN}], rate=50.0, admitted_per_s=12.34),
        account("two", bound=2, binds=[{"since": THEN}] * 2, owed=7, owed_oldest_s=7300.0),
    ]}  # fmt: skip
    assert read(tables.accounts(view, PARIS)).one("table").rows() == [
        ["away", "○ away", "0/s", "0"], ["one", "● bound since 03:12:05", "12.3 of 50/s", "0"],
        ["two", "● bound 2 binds", "0/s", "7, oldest 2 h 01 min"],
    ]  # fmt: skip
    assert "None is configured" in read(tables.accounts({"at": NOW, "accounts": []}, PARIS)).text


def test_messages_lead_to_their_stories():
    message = {
        "id": "7130",
        "admitted": THEN,
        "account": "shop",
        "kind": "otp",
        "to": "+336…001",
        "state": "undeliverable",
        "bearer": "",
    }
    page = read(tables.messages({"at": NOW, "messages": [message]}, PARIS))
    assert page.one("table").rows() == [
        ["03:12:05 , story of message 7130", "+336…001", "▲ undeliverable", "otp", "shop", "–"]
    ]
    assert page.one("a")["href"] == "/messages/7130"
    assert "None yet." in read(tables.messages({"at": NOW, "messages": []}, PARIS)).text


def test_the_last_hour():
    point = Point(1000.0, {"admitted": 30.0, "accepted": 25.0, "failed": 0.0}, 0.092, 0.246)
    page = read(tables.flow([point], 1000.0))
    assert [item.text for item in page.all("li")] == [
        "in 30/s", "accepted by carriers 25/s", "failed 0/s", "half below 92 ms", "95 % below 246 ms",
    ]  # fmt: skip
    assert len(list(page.all("figure"))) == 2
