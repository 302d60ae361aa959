"""The seven lines: where each stored state belongs, the seeds' own case to the digit, and a report over a socket."""

from types import SimpleNamespace

import pytest
from making import NOW, message, opened, run

from drivers.smpp.dialect import STANDARD
from gateway.control.parts import Refusal
from gateway.control.report import GROUPINGS, LINES, OTHERS, line_of, percentile, report, shares
from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS, Kind, MessageIds, Mo
from gateway.stores.optout_table import Act, OptOutTable
from gateway.unknown_numbers import says_unknown

KEYS = [key for key, _ in LINES]


CARRIER, MODEM, GONE = 1, 2, 3
BEARERS = {CARRIER: SimpleNamespace(dialect=STANDARD), MODEM: SimpleNamespace(from_own_number=True)}


def unknown(bearer, state, error, sent):
    return says_unknown(BEARERS.get(bearer), state, error, sent)


@pytest.mark.parametrize(
    ("state", "error", "sent", "line"),
    [
        (State.DELIVERED, "", True, "recu"),
        (State.DELIVERED, "", False, "recu"),  # its receipt outran the response
        (State.REJECTED, "69", False, "echec_transmission"),  # ESME_RSUBMITFAIL
        (State.UNDELIVERABLE, "88", False, "echec_transmission"),  # tries are spent
        (State.REJECTED, "012", True, "echec_transmission"),
        (State.UNDELIVERABLE, "012", True, "erreur_reception"),
        (State.EXPIRED, "", True, "erreur_reception"),
        (State.DELETED, "", True, "erreur_reception"),
        (State.UNDELIVERABLE, "3/1", True, "numero_inconnu"),
        (State.REJECTED, "11", False, "numero_inconnu"),
        (State.EXPIRED, "0407", False, "non_route"),
        (State.ENROUTE, "", True, "transmis"),
        (State.UNKNOWN, "", True, "transmis"),
        (State.EXPIRED, "0402", False, "recredite"),
        (State.REJECTED, "0401", False, "recredite"),
        (State.DELETED, "", False, "recredite"),
        (State.QUEUED, "", False, ""),
        (State.HELD, "", False, ""),
        (State.SCHEDULED, "0402", False, ""),
        (State.INFLIGHT, "", False, ""),
    ],
)
def test_every_end_has_its_line(state, error, sent, line):
    assert line_of(state, error, sent, sent, 1, unknown) == line


@pytest.mark.parametrize(
    ("state", "error"), [(State.EXPIRED, "0402"), (State.REJECTED, "0401"), (State.DELETED, "")]
)
def test_what_was_tried_is_not_credited_again(state, error):
    """A carrier may have it, or a part of it; our own codes tell nothing of the number."""
    assert line_of(state, error, False, True, CARRIER, unknown) == "echec_transmission"


@pytest.mark.parametrize(
    ("bearer", "state", "error", "sent", "line"),
    [
        (GONE, State.UNDELIVERABLE, "3/1", True, "erreur_reception"),
        (GONE, State.REJECTED, "11", False, "numero_inconnu"),
        (MODEM, State.REJECTED, "30", False, "numero_inconnu"),  # +CMS ERROR: unknown subscriber
        (MODEM, State.UNDELIVERABLE, "11", False, "echec_transmission"),  # +CME ERROR: SIM PIN required
        (MODEM, State.UNDELIVERABLE, "43", True, "numero_inconnu"),  # TP-ST: not obtainable
        (MODEM, State.UNDELIVERABLE, "42", True, "erreur_reception"),
    ],
)
def test_each_bearer_has_its_own_codes(bearer, state, error, sent, line):
    assert line_of(state, error, sent, True, bearer, unknown) == line


def test_shares_as_the_routers_print_them():
    assert shares([3969, 8, 18, 112, 4, 267, 1]) == ["90.6", "0.2", "0.4", "2.6", "0.1", "6.1", "<0.1"]
    assert shares([100_000, 1]) == [">99.9", "<0.1"]
    assert shares([0, 0]) == ["0.0", "0.0"]
    assert shares([5]) == ["100.0"]


def test_percentiles_of_steps():
    steps = {100: 50, 2000: 45, 60_000: 5}
    assert (percentile(steps, 0.5), percentile(steps, 0.95), percentile(steps, 1.0)) == (0.1, 2.0, 60.0)
    assert percentile({}, 0.5) is None


class Seen:
    """What a report looks at."""

    class accounts(list):
        def get(self, name):
            return next((each for each in self if each.name == name), None)

    accounts = accounts([SimpleNamespace(name="fresh")])

    class dispatcher:
        roads = {}

    class config:
        class gateway:
            timezone = "Europe/Paris"

    def __init__(self, store):
        self.store = store
        self.clock = self

    def wall_ms(self):
        return NOW + 100_000

    def now(self):
        return 0.0


ENDS = {
    "recu": (3969, Cause.DELIVER, ""), "echec_transmission": (8, Cause.REFUSE, "69"),
    "erreur_reception": (18, Cause.FAIL, "12"), "numero_inconnu": (112, Cause.REFUSE, "11"),
    "non_route": (4, Cause.OUTLIVE, "0407"), "transmis": (267, Cause.ACCEPT, ""),
    "recredite": (1, Cause.CANCEL, ""), "": (7, None, ""),
}  # fmt: skip
ACCEPTED_FIRST = {Cause.DELIVER, Cause.FAIL, Cause.ACCEPT}


async def _end(store, line, ids):
    count, cause, error = ENDS[line]
    made = [message(i, kind=Kind.MARKETING, tag="noël" if line != "" else "", parts=2) for i in ids[:count]]
    await store.admit(made)
    changes = []
    for m in made:
        if cause in ACCEPTED_FIRST or cause is Cause.REFUSE:
            changes.append(m.advance(Cause.TAKE))
        if cause in ACCEPTED_FIRST:
            m.sent_at, m.carrier_id = (m.id >> 22) + EPOCH_MS + 50, str(m.id)
            changes.append(m.advance(Cause.ACCEPT))
        if cause not in (None, Cause.ACCEPT):
            m.error, m.done_at = error, (m.id >> 22) + EPOCH_MS + 1500
            changes.append(m.advance(cause))
    if changes:
        await store.apply(changes)


def test_the_case_of_the_seeds(tmp_path):
    async def story():
        async with opened(tmp_path / "chappe.db") as store:
            ids = MessageIds(1)
            for line, (count, _, _) in ENDS.items():
                await _end(store, line, ids.take(count, NOW))
            told = []

            async def tell(line):
                told.append(line)

            gateway = Seen(store)
            whole = await report(gateway, {"since": NOW - 1000}, tell)
            tagged = await report(gateway, {"since": NOW - 1000, "tag": "noël", "account": "shop"}, tell)
            with pytest.raises(Refusal, match="nobody: no such account; there are fresh"):
                await report(gateway, {"since": NOW - 1000, "account": "nobody"}, tell)
            with pytest.raises(Refusal, match="nothing lies between"):
                await report(gateway, {"since": NOW, "until": NOW - 1}, tell)
            nobody = await report(gateway, {"since": NOW - 1000, "account": "fresh"}, tell)
            later = await report(gateway, {"since": NOW + 50_000}, tell)
            return whole, tagged, nobody, later, told

    whole, tagged, nobody, later, told = run(story())
    assert [line["line"] for line in whole["lines"]] == KEYS
    assert [line["messages"] for line in whole["lines"]] == [3969, 8, 18, 112, 4, 267, 1]
    assert [line["segments"] for line in whole["lines"]] == [7938, 16, 36, 224, 8, 534, 2]
    assert [line["percent"] for line in whole["lines"]] == ["90.6", "0.2", "0.4", "2.6", "0.1", "6.1", "<0.1"]
    assert (whole["messages"], whole["segments"]) == (4379, 8758)
    assert whole["waiting"] == {"messages": 7, "segments": 14}
    assert whole["latency_s"] == {"p50": 1.5, "p95": 1.5}
    assert whole["optouts"] == {"stops": 0, "percent": 0.0}
    assert (tagged["messages"], tagged["waiting"]["messages"]) == (4379, 0)
    assert (nobody["messages"], later["messages"]) == (0, 0)
    assert told[-1]["progress"]["done"] == 1


MIDNIGHT = NOW + 86_400_000 - (NOW + 3_600_000) % 86_400_000
"""Of Paris, in winter."""


def test_the_same_by_day_bearer_account_and_tag(tmp_path):
    async def story():
        async with opened(tmp_path / "chappe.db") as store:
            ids = MessageIds(1)
            first, second = ids.take(3, MIDNIGHT - 1), ids.take(2, MIDNIGHT)
            made = [message(i, account="shop", tag="a") for i in first]
            made += [message(i, account="bank", kind=Kind.MARKETING, bearer="orange") for i in second]
            await store.admit(made)
            changes = [m.advance(Cause.TAKE) for m in made[3:]]
            for m in made[3:]:
                m.carrier_id, m.sent_at = str(m.id), MIDNIGHT
                changes.append(m.advance(Cause.ACCEPT))
            await store.apply(changes)
            changes = [m.advance(Cause.DELIVER) for m in made[3:]]
            for m in made[3:]:
                m.done_at = MIDNIGHT + 2000
            await store.apply(changes)
            replied = Mo(ids.take(1, MIDNIGHT)[0], "orange", "+33612345678", "36180", 0, b"", b"STOP", MIDNIGHT, "bank",
                         second[0], True)  # fmt: skip
            table = OptOutTable(store)
            act = Act(
                "stop", "short_code:36180", "+33612345678", 7, MIDNIGHT, "mo:36180", "", replied.id, "STOP"
            )
            await store.deposit([replied], [], (), table.batches([act]))

            async def tell(line):
                pass

            gateway = Seen(store)
            gateway.wall_ms = lambda: MIDNIGHT + 100_000
            return {by: await report(gateway, {"by": by}, tell) for by in GROUPINGS}

    found = run(story())
    counts = {
        by: [(g[by], g["messages"], g["waiting"]["messages"]) for g in view["groups"]]
        for by, view in found.items()
    }
    assert counts == {
        "day": [("2024-01-12", 0, 3), ("2024-01-13", 2, 0)],
        "bearer": [("", 0, 3), ("orange", 2, 0)],
        "account": [("bank", 2, 0), ("shop", 0, 3)],
        "tag": [("", 2, 0), ("a", 0, 3)],
    }
    for by, view in found.items():
        rates = {group[by]: group["optouts"] for group in view["groups"]}
        last = {"day": "2024-01-13", "bearer": "orange", "account": "bank", "tag": ""}[by]
        assert rates.pop(last) == {"stops": 1, "percent": 50.0}
        assert list(rates.values()) == [{"stops": 0, "percent": None}]
        assert view["optouts"] == {"stops": 1, "percent": 50.0}
        assert view["latency_s"]["p50"] == 2.0


def test_groups_are_bounded_and_named(tmp_path, monkeypatch):
    async def story():
        async with opened(tmp_path / "chappe.db") as store:
            ids = MessageIds(1).take(6, NOW)
            await store.admit([message(i, tag=f"t{n}") for n, i in enumerate(ids)])
            monkeypatch.setattr("gateway.control.report.MOST_GROUPS", 3)

            async def tell(line):
                pass

            with pytest.raises(Refusal, match="use day, bearer, account, tag"):
                await report(Seen(store), {"by": "colour"}, tell)
            return await report(Seen(store), {"by": "tag"}, tell)

    groups = {g["tag"]: g["waiting"]["messages"] for g in run(story())["groups"]}
    assert groups == {"t0": 1, "t1": 1, "t2": 1, OTHERS: 3}


def test_what_is_printed(linked):
    from click.testing import CliRunner

    from gateway.cli.report import report as command

    linked.submit("+33612345678", tag="promo", registered=1)
    linked.until(linked.app.outbox.counts)
    result = CliRunner().invoke(command, ["--config", str(linked.path)], env={"NO_COLOR": "1"})
    assert result.exit_code == 0, result.output
    assert "reçu" in result.output
    assert "100.0 %" in result.output
    assert "still waiting: 0 messages" in result.output
    assert linked.ask("report", tag="other")["messages"] == 0
