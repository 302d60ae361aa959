"""What operators do: every act moves what it says, nothing else, and is written down."""

import os

import pytest

from gateway.stores.store import Orphan

MOBILE = "+33612345678"


# ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_messages_are_held_released_and_cancelled_and_it_is_written_down(lonely):
    one, two = lonely.submit(MOBILE), lonely.submit(MOBILE)
    assert lonely.ask("hold", ids=[one])["moved"] == 1
    assert lonely.ask("trace", id=one)["state"] == "held"
    assert [line["held"] for line in lonely.ask("queue")] == [1]
    assert lonely.ask("status")["waiting"]["total"] == 2
    assert lonely.ask("release", ids=[one])["moved"] == 1
    assert lonely.ask("cancel", ids=[one, two])["moved"] == 2
    assert lonely.ask("trace", id=two)["state"] == "deleted"
    assert "is deleted" in str(lonely.refused("cancel", ids=[two]))
    assert "no such message" in str(lonely.refused("cancel", ids=["17"]))
    lines = lonely.audit()
    assert [line[1] for line in lines] == ["hold", "release", "cancel"]
    assert all(f"uid {os.getuid()}, pid {os.getpid()}" in line[0] for line in lines)
    assert lines[2][2] == f"{one} {two}: 2 messages"
    (told,) = [act for act in lonely.ask("trace", id=one)["acts"] if act["verb"] == "hold"]
    assert told["detail"].startswith(one)


def test_a_flow_is_held_and_released(lonely):
    waits = lonely.submit(MOBILE, tag="promo")
    assert lonely.ask("hold", tag="promo") == {"hold": "tag promo", "waiting": 1}
    assert "held by an operator (tag promo)" in lonely.ask("trace", id=waits)["now"]["why"]
    assert lonely.ask("queue")[0]["held"] == 1
    assert lonely.ask("status")["holds"] == ["tag promo"]
    assert "holds: tag promo" in str(lonely.refused("release", tag="other"))
    lonely.ask("release", tag="promo")
    assert "no working bearer" in lonely.ask("trace", id=waits)["now"]["why"]
    assert lonely.refused("hold").code == 2
    assert lonely.refused("hold", kind="spam").code == 2


def test_what_comes_into_a_held_flow_waits_although_the_bearer_is_free(linked):
    linked.ask("hold", tag="promo")
    waits = linked.submit(MOBILE, tag="promo")
    assert "held by an operator (tag promo)" in linked.ask("trace", id=waits)["now"]["why"]
    linked.ask("release", tag="promo")
    linked.until(lambda: linked.carrier.counts["submits"])


def test_a_whole_flow_is_cancelled_and_no_other(lonely):
    for _ in range(3):
        lonely.submit(MOBILE, tag="promo")
    stays = lonely.submit(MOBILE, tag="bills")
    assert lonely.ask("cancel", tag="promo")["moved"] == 3
    assert lonely.ask("trace", id=stays)["state"] == "queued"
    assert lonely.ask("cancel", account="nobody")["moved"] == 0


def test_retry_sends_now_what_waits_for_later(linked):
    later = linked.submit(MOBILE, due=linked.app.clock.wall_ms() + 3_600_000)
    assert "it is due" in linked.ask("trace", id=later)["now"]["why"]
    assert linked.ask("queue")[0]["why"][0]["reason"].startswith("scheduled")
    assert linked.ask("retry", ids=[later])["moved"] == 1
    linked.until(lambda: linked.carrier.counts["submits"])


def test_a_link_is_disabled_enabled_and_reset(linked):
    linked.ask("link", name="orange", act="disable", reason="maintenance")
    waits = linked.submit(MOBILE)
    why = linked.ask("trace", id=waits)["now"]["why"]
    assert "orange is disabled" in why
    assert "maintenance" in why
    linked.ask("link", name="orange", act="enable")
    linked.until(lambda: linked.carrier.counts["submits"])
    linked.ask("link", name="orange", act="reset")
    linked.until(lambda: linked.carrier.counts["bound"] == 2)
    assert "there are: orange, spare" in str(linked.refused("link", name="sfr", act="reset"))
    assert [line[1] for line in linked.audit()] == ["link disable", "link enable", "link reset"]


def test_drain_takes_nothing_new_until_it_is_undone(lonely):
    assert lonely.ask("drain")["drained"] is True
    status = lonely.ask("status")
    assert (status["state"], "drain --off" in status["why"]) == ("drained", True)
    with pytest.raises(AssertionError, match="takes nothing new"):
        lonely.submit(MOBILE)
    lonely.ask("drain", off=True)
    lonely.submit(MOBILE)


def test_reload_applies_a_change_and_refuses_a_file_with_faults(lonely):
    text = lonely.path.read_text()
    lonely.path.write_text(text.replace("rate = 100\n", "rate = 50\n"))
    assert [change["key"] for change in lonely.ask("reload")] == ["bearers.orange.rate"]
    lonely.path.write_text(text.replace("rate = 100\n", "rate = -1\n"))
    error = lonely.refused("reload")
    assert error.code == 78
    assert "bearers.orange.rate" in str(error)


def test_orphans_are_listed_and_rematched(linked):
    message_id = linked.submit(MOBILE)
    linked.until(lambda: linked.carrier.counts["receipts"])
    carrier_id = linked.carrier.submitted[0].message_id
    orphan = Orphan(
        7, "orange", "feedbeef", MOBILE, 2, True, "000", linked.app.clock.wall_ms(), b"id:feedbeef"
    )
    known = Orphan(8, "orange", carrier_id, MOBILE, 2, True, "000", linked.app.clock.wall_ms(), b"id")
    linked.run(_kept(linked, [orphan, known]))
    listed = linked.ask("orphans")
    assert listed["total"] == 2
    assert listed["orphans"][0]["to"] == "+336…678"
    assert linked.ask("rematch") == {"tried": 2, "matched": 1}
    assert [o["id"] for o in linked.ask("orphans")["orphans"]] == ["7"]
    assert linked.ask("trace", id=message_id)["state"] == "delivered"


async def _kept(gateway, orphans):
    await gateway.app.store.keep_orphans(orphans)
