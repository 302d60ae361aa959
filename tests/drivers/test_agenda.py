"""The agenda: by time, and in the order of arrival where times are equal."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.agenda import Agenda


@given(st.lists(st.integers(0, 5)), st.integers(0, 5))
def test_due_gives_what_is_due_by_time_then_by_arrival(times, now):
    agenda = Agenda()
    for n, when in enumerate(times):
        agenda.add(float(when), (when, n))
    due = agenda.due(float(now))
    assert due == sorted((when, n) for n, when in enumerate(times) if when <= now)
    later = [when for when in times if when > now]
    assert (len(agenda), agenda.next) == (len(later), min(later, default=None))
    assert agenda.due(float(now)) == []


def test_items_are_never_compared():
    agenda = Agenda()
    for item in (print, len):
        agenda.add(1.0, item)
    assert agenda.due(1.0) == [print, len]
    agenda.add(2.0, max)
    agenda.clear()
    assert agenda.next is None
