"""Histograms of how long messages take: which change ends which length, and what Prometheus is told of it."""

import pytest
from making import NOW, message

from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS, Kind
from gateway.watchers.latency import Histogram, Latencies


def made(kind=Kind.OTP, **fields):
    m = message((NOW - EPOCH_MS) << 22, kind=kind)
    m.bearer = "orange"
    for name, value in fields.items():
        setattr(m, name, value)
    return m


@pytest.fixture
def latencies():
    return Latencies(lambda: NOW + 700)


def counts(histogram):
    return {labels: (row[:-1], row[-1]) for labels, row in histogram.series.items()}


def test_buckets_count_what_is_at_most_their_bound():
    histogram = Histogram((10, 20))
    for ms in (0, 10, 11, 20, 21, 10_000, -5):
        histogram.add(("a",), ms)
    ((labels, buckets, total),) = histogram.rows()
    assert labels == ("a",)
    assert buckets == [("0.01", 3), ("0.02", 5), ("+Inf", 7)]
    assert total == pytest.approx(10.062)


def test_many_of_one_length():
    histogram = Histogram((10,))
    histogram.add((), 5, 100)
    assert counts(histogram) == {(): ([100, 0], 500)}


def test_acceptance_is_from_submission(latencies):
    latencies.add([(made(sent_at=NOW + 120), State.INFLIGHT, Cause.ACCEPT)])
    ((labels, buckets, total),) = latencies.accepted.rows()
    assert (labels, total) == (("orange", Kind.OTP), 0.12)
    assert dict(buckets)["0.1"] == 0
    assert dict(buckets)["0.25"] == 1


@pytest.mark.parametrize("cause", [Cause.DELIVER, Cause.FAIL, Cause.EXPIRE, Cause.REJECT, Cause.DELETE])
def test_a_receipt_is_from_acceptance(latencies, cause):
    latencies.add([(made(sent_at=NOW, done_at=NOW + 4000), State.ENROUTE, cause)])
    ((_, buckets, total),) = latencies.received.rows()
    assert (total, dict(buckets)["5"]) == (4.0, 1)


def test_what_ends_without_a_carrier_has_no_such_length(latencies):
    latencies.add(
        [
            (made(), State.QUEUED, Cause.OUTLIVE),
            (made(), State.QUEUED, Cause.CANCEL),
            (made(), State.INFLIGHT, Cause.REJECT),
        ]
    )
    assert not latencies.accepted.series
    assert not latencies.received.series
    assert not latencies.waited.series


def test_waiting_is_since_it_was_due(latencies):
    latencies.add([
        (made(due=NOW), State.QUEUED, Cause.TAKE),
        (made(due=NOW + 600), State.SCHEDULED, Cause.TAKE),
        (made(due=0), State.QUEUED, Cause.TAKE),
        (made(), State.NEW, Cause.ADMIT_AT_ONCE),
        (made(), State.NEW, Cause.ADMIT_AT_ONCE),
    ])  # fmt: skip
    ((labels, buckets, total),) = latencies.waited.rows()
    assert labels == (Kind.OTP,)
    assert dict(buckets)["0.005"] == 2
    assert dict(buckets)["0.1"] == 3
    assert dict(buckets)["+Inf"] == 5
    assert total == pytest.approx(1.5)


def test_kinds_and_bearers_are_apart(latencies):
    latencies.add([
        (made(sent_at=NOW), State.INFLIGHT, Cause.ACCEPT),
        (made(Kind.MARKETING, sent_at=NOW), State.INFLIGHT, Cause.ACCEPT),
        (made(bearer="sfr", sent_at=NOW), State.INFLIGHT, Cause.ACCEPT),
    ])  # fmt: skip
    assert {labels for labels, _, _ in latencies.accepted.rows()} == {
        ("orange", 0),
        ("orange", 3),
        ("sfr", 0),
    }
