"""What tests of late answers begin with: messages in doubt, and the rows that tell of what came late."""

from __future__ import annotations

LONG = b"a" * 400


async def doubted(gw, **fields):
    """A message of which no segment was answered: it, and the segments."""
    m = gw.sms(**fields)
    await gw.submit(m)
    given = list(gw.a.given)
    gw.a.doubt()
    await gw.settled()
    return m, given


def late_rows(gw, m):
    sql = "SELECT part, try, carrier_id, error FROM attempt WHERE message=? AND part<=-2 ORDER BY part DESC"
    return gw.store.read(sql, (m.id,))
