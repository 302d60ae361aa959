"""Where messages are kept: opens the store that a URL names. The contract is stores/store.py."""

from __future__ import annotations

from gateway.stores.store import Store, StoreError, StoreNewer, StoreUnavailable

__all__ = ["Store", "StoreError", "StoreNewer", "StoreUnavailable"]
