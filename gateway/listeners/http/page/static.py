"""The page's style, script and icon: files of the package, read once, kept by browsers until they change."""

from __future__ import annotations

import hashlib
from importlib import resources

from aiohttp import web

from gateway.listeners.http.problem import Problem

__all__ = ["Static"]

_TYPES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}


class Static:
    """Open to anybody: they say nothing of the gateway."""

    def __init__(self) -> None:
        folder = resources.files("gateway.listeners.http.page") / "assets"
        self._files = {name: (folder / name).read_bytes() for name in _TYPES}
        self._tags = {
            name: f'"{hashlib.sha256(body).hexdigest()[:20]}"' for name, body in self._files.items()
        }

    def answer(self, raw: web.Request, name: str) -> web.Response:
        """The file, or 304 for a browser that has it. Raises Problem for any other name."""
        if name not in self._files:
            raise Problem("not-found", f"there is no /assets/{name[:40]}")
        tag = self._tags[name]
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Type": f"{_TYPES[name]}; charset=utf-8"}
        if tag in raw.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._files[name], headers=headers)
