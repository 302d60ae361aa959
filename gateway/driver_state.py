"""A driver's own durable facts: the StateStore of one bearer, in the store's table driver_state."""

from __future__ import annotations

from drivers.bearer import StateStore
from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore

__all__ = ["DriverState"]


class DriverState(StateStore):
    """See the module. bearer: whose."""

    def __init__(self, store: SqliteStore, bearer: str) -> None:
        self._store = store
        self._bearer = bearer

    async def get(self, key: str) -> str | None:
        found = await self._store.query(
            "SELECT value FROM driver_state WHERE bearer=? AND key=?", (self._bearer, key)
        )
        return found[0][0] if found else None

    async def put(self, key: str, value: str) -> None:
        await self._store.write_rows(rows.PUT_DRIVER_STATE, [(self._bearer, key, value)])
