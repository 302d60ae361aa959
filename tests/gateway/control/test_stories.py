"""What operators are told: status, queue, links, trace, find, explain, tail, over a real socket."""

import json
import threading

from running_gateway import Running

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier
from gateway import control_client

MOBILE = "+33612345678"


# ── views ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_status_and_queue_say_why_messages_wait(lonely):
    lonely.submit(MOBILE, tag="promo")
    lonely.submit(MOBILE, kind="otp")
    lonely.until(lambda: lonely.app.dispatcher.roads["orange"].health.reason == "connect.failed")
    status = lonely.ask("status")
    assert status["state"] == "degraded"
    assert status["waiting"]["total"] == 2
    assert status["waiting"]["kinds"]["otp"]["count"] == 1
    assert 0 <= status["waiting"]["kinds"]["otp"]["oldest_age_s"] < 5
    assert status["bearers"][0]["state"] == "down"
    assert "ConnectionRefusedError" in status["bearers"][0]["reason"]
    assert status["store"]["size_bytes"] > 0
    by_tag = {line["tag"]: line for line in lonely.ask("queue", by="tag")}
    (why,) = by_tag["promo"]["why"]
    assert "no working bearer" in why["reason"]
    assert "spare" in why["reason"]
    assert "carries no transactional" in why["reason"]
    (orange, _) = lonely.ask("links")
    assert orange["state"] == "down"
    assert "link reset orange" in orange["remedy"]
    assert orange["rate"]["contracted"] == 100


def test_links_of_a_bound_bearer_count_what_it_answered(linked):
    first = linked.submit(MOBILE)
    linked.until(lambda: linked.app.dispatcher.roads["orange"].accepted)
    orange = linked.ask("links")[0]
    assert (orange["state"], orange["accepted"]) == ("up", 1)
    assert orange["window"]["size"] == 50
    assert orange["binds"][0]["state"] == "bound"
    assert linked.ask("find", to=MOBILE)[0]["id"] == first


def test_accounts(lonely):
    (shop,) = lonely.ask("accounts")
    assert (shop["name"], shop["bound"], shop["owed"], shop["rate"]) == ("shop", 0, 0, 2000)


# ── one message ──────────────────────────────────────────────────────────────────────────────────────────────
def test_trace_tells_the_whole_story_and_masks(linked):
    message_id = linked.submit(MOBILE, "the text is private", reference="order-7", registered=1)
    linked.until(linked.app.outbox.counts)
    told = linked.ask("trace", id=message_id)
    assert told["id"] == message_id
    assert told["state"] == "delivered"
    assert told["to"] == "+336…678"
    assert "private" not in json.dumps(told)
    assert told["times"]["to_done_s"] >= told["times"]["to_accepted_s"] >= 0
    (attempt,) = told["attempts"]
    assert attempt["bearer"] == "orange"
    assert attempt["carrier_id"]
    assert told["owed"]["notes"][0]["state"] == "delivered"
    assert "not answered by shop" in told["owed"]["words"]
    assert told["story"][0]["what"].startswith("shop submitted it")
    assert "accepted by orange" in told["story"][1]["what"]
    whole = linked.ask("trace", id=message_id, text=True, unmasked=True)
    assert (whole["to"], whole["text"]) == (MOBILE, "the text is private")


def test_trace_of_a_long_message_has_every_part(linked):
    message_id = linked.submit(MOBILE, "a" * 320)
    linked.until(lambda: linked.app.ledger.tally.counts.get((19, 2, "shop", "orange")))
    told = linked.ask("trace", id=message_id)
    assert [(a["part"], a["of"], a["state"]) for a in told["attempts"]] == [
        (1, 3, "delivered"), (2, 3, "delivered"), (3, 3, "delivered"),
    ]  # fmt: skip


def test_trace_of_a_waiting_message_says_where_and_why(lonely):
    message_id = lonely.submit(MOBILE)
    told = lonely.ask("trace", id=message_id)
    assert told["state"] == "queued"
    assert "0 of its flow's 1" in told["now"]["where"]
    assert "no working bearer" in told["now"]["why"]
    assert lonely.refused("trace", id="1").code == 1


def test_trace_gives_a_refusal_in_the_words_of_the_standard(tmp_path):
    behaviour = Behaviour(error_percent=100, error_status=0x0B)
    with Running(tmp_path, SimulatedCarrier(behaviour)) as gateway:
        gateway.bound()
        message_id = gateway.submit(MOBILE)
        gateway.until(lambda: gateway.app.ledger.tally.counts.get((5, 2, "shop", "orange")))
        told = gateway.ask("trace", id=message_id)
        assert told["error"] == "11"
        assert "ESME_RINVDSTADR" in told["error_words"]


def test_find_by_every_handle(linked):
    message_id = linked.submit(MOBILE, reference="order-7", tag="spring")
    linked.submit("+33699999999")
    linked.until(lambda: linked.carrier.counts["receipts"] == 2)
    (found,) = linked.ask("find", to="+33 6 12 34 56 78")
    in_response = found["carrier_id"]
    in_receipt = f"{int(in_response, 16):010d}"
    for handle in (
        {"ref": "order-7"},
        {"tag": "spring"},
        {"carrier_id": in_response.upper()},
        {"carrier_id": in_receipt},
        {"account": "shop", "tag": "spring"},
    ):
        assert [m["id"] for m in linked.ask("find", **handle)] == [message_id], handle
    assert len(linked.ask("find", account="shop")) == 2
    assert len(linked.ask("find", account="shop", limit=1)) == 1
    assert linked.ask("find", account="nobody") == []
    assert linked.ask("find", tag="spring", since=linked.app.clock.wall_ms() + 5_000) == []
    assert linked.refused("find").code == 2
    assert "queued" in str(linked.refused("find", state="sent"))


def test_find_by_the_id_of_one_part(linked):
    message_id = linked.submit(MOBILE, "a" * 320)
    linked.until(lambda: linked.carrier.counts["receipts"] == 3)
    part = linked.ask("trace", id=message_id)["attempts"][2]["carrier_id"]
    assert [m["id"] for m in linked.ask("find", carrier_id=part)] == [message_id]


# ── explain ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_explain_a_message_that_would_leave(linked):
    told = linked.ask("explain", to=MOBILE, text="un café", **{"from": "CHAPPE"})
    assert told["outcome"] == "taken; leaving now by orange"
    assert told["route"] == "mobile"
    assert [b["chosen"] for b in told["bearers"]] == [True, False]
    assert told["text"]["alphabet"] == "gsm7"
    assert linked.app.queue.count == 0
    assert linked.carrier.counts["submits"] == 0


def test_explain_says_what_forces_ucs2_and_what_refuses(linked):
    told = linked.ask("explain", to=MOBILE, text="fête, ça " + "x" * 70, **{"from": "BANK"})
    assert told["text"]["forcing_ucs2"] == ["ê", "ç"]
    assert told["text"]["segments"] == 2
    assert "refused by rule sender" in told["outcome"]
    abroad = linked.ask("explain", to="+4915112345678")
    assert "no route" in abroad["outcome"]
    reasons = {route["name"]: route["reason"] for route in abroad["routes"]}
    assert reasons == {"mobile": "it takes numbers that begin with +336, +337", "abroad": "it takes otp"}
    assert "there are shop" in str(linked.refused("explain", to=MOBILE, account="bank"))


# ── tail ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_tail_tells_each_change_masked_and_only_what_was_asked(linked):
    stream = control_client.stream(linked.socket, "tail", {"tag": "spring"}, timeout=8)
    first = []
    reader = threading.Thread(target=lambda: first.extend(next(stream) for _ in range(3)))
    reader.start()
    linked.until(lambda: linked.app.bus.watched)
    linked.submit("+33699999999")
    message_id = linked.submit(MOBILE, tag="spring")
    reader.join(8)
    lines = [line["data"] for line in first]
    assert [line["state"] for line in lines] == ["inflight", "enroute", "delivered"]
    assert {line["id"] for line in lines} == {message_id}
    assert {line["to"] for line in lines} == {"+336…678"}
    stream.close()
    linked.until(lambda: not linked.app.bus.watched)
