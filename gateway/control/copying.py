"""backup: a consistent copy made beside the store, streamed to the caller, and removed."""

from __future__ import annotations

import asyncio
import base64
import shutil
from pathlib import Path

from gateway.control.acts import audit
from gateway.control.parts import Args, Gateway, Refusal, Tell, View

__all__ = ["Copier"]

CHUNK = 192 * 1024


class Copier:
    """One copy at a time: each needs as much disk as the store."""

    def __init__(self) -> None:
        self._busy = False

    async def backup(self, gateway: Gateway, _args: Args, who: str, tell: Tell) -> View:
        """Lines {"chunk": base64}; then what was copied. Raises Refusal when there is no room for the copy."""
        if self._busy:
            raise Refusal("another backup is under way: wait for it")
        path = gateway.store.path
        whole = path.stat().st_size
        free = shutil.disk_usage(path.parent).free
        spare = gateway.config.store.min_free_disk
        if free < whole * 1.1 + spare:
            raise Refusal(
                f"the copy needs {whole / 1e6:.0f} MB in {path.parent} beside the {spare / 1e6:.0f} MB of"
                f" store.min_free_disk, and {free / 1e6:.0f} MB are free"
            )
        target = path.with_name(path.name + ".backup")
        self._busy = True
        key = gateway.config.store.hmac_key_file
        carried = key.read_bytes() if key.exists() else b""
        copying = asyncio.ensure_future(gateway.store.backup(target, carried))
        try:
            await self._watch(copying, target, whole, tell)
            size = await self._stream(target, tell)
        finally:
            # a thread cannot be stopped: whoever went away, the copy is removed once it is finished
            await asyncio.shield(self._clean(copying, target))
        await audit(gateway, who, "backup", f"{size} octets")
        return {"octets": size}

    async def _watch(self, copying: asyncio.Future[None], target: Path, whole: int, tell: Tell) -> None:
        while not copying.done():
            await asyncio.wait([copying], timeout=0.5)
            copied = await asyncio.to_thread(_size, target)
            await tell({"progress": {"copied": copied, "of": whole}})
        copying.result()

    async def _stream(self, target: Path, tell: Tell) -> int:
        size = 0
        with target.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                size += len(chunk)
                await tell({"chunk": base64.b64encode(chunk).decode("ascii")})
        return size

    async def _clean(self, copying: asyncio.Future[None], target: Path) -> None:
        await asyncio.wait([copying])
        for path in (target, target.with_name(target.name + "-journal")):
            path.unlink(missing_ok=True)
        self._busy = False


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
