"""A headless Chromium, driven over the DevTools protocol: the page as people have it, scripts and all.

with Chromium(folder) as browser:
    tab = browser.tab(width=390, height=844, dark=True)
    tab.go("http://127.0.0.1:8080/")
    tab.value("document.title")
    tab.picture(folder / "phone.png")

Blocking, for plain tests: the connection lives on a loop of its own in a thread. Every host that is asked is kept
in `tab.asked`, so that a test sees whom a page speaks to.
"""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from peers.install import CACHE, ROOT, environment, program
from peers.process import Process, wait_until

__all__ = ["Chromium", "Tab"]

T = TypeVar("T")
PATIENCE = 15.0
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{}</dir><dir>/usr/share/fonts</dir><cachedir>{}</cachedir>
<alias><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias></fontconfig>
"""


class Chromium:
    """The browser, with a profile of its own that goes with `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        fonts = folder / "fonts.conf"
        fonts.write_text(FONTS.format(ROOT / "usr" / "share" / "fonts", CACHE / "fonts"))
        command = [
            program("chromium-headless-shell") or "chromium-headless-shell",
            *(
                "--remote-debugging-port=0",
                f"--user-data-dir={folder / 'profile'}",
                "--no-sandbox",
                "--disable-gpu",
            ),
            *("--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb"),
            "about:blank",
        ]
        env = {**environment(), "FONTCONFIG_FILE": str(fonts), "HOME": str(folder), "LANG": "en_US.UTF-8"}
        env = {name: value for name, value in env.items() if not name.lower().endswith("_proxy")}
        self._process = Process(command, folder / "chromium.log", env)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chromium")
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}
        self._number = 0

    def __enter__(self) -> Self:
        self._process.start()
        port = self._folder / "profile" / "DevToolsActivePort"
        wait_until(lambda: port.exists() and port.read_text().count("\n") > 0, PATIENCE, self._process.said)
        number, path = port.read_text().split("\n")[:2]
        self._thread.start()
        self.run(self._connect(f"ws://127.0.0.1:{number}{path}"))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()
            self._process.kill()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(2 * PATIENCE)

    def tab(self, width: int = 1280, height: int = 900, dark: bool = False, script: bool = True) -> Tab:
        """A new one, with cookies of its own. script False: as in a browser that runs none."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        tab.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.call("Emulation.setEmulatedMedia", features=[scheme])
        tab.call("Emulation.setScriptExecutionDisabled", value=not script)
        return tab

    def call(self, method: str, session: str = "", **parameters: object) -> dict[str, Any]:
        """A command's result; AssertionError with what Chromium says against it."""
        return self.run(self._call(method, session, parameters))

    # ── the connection ───────────────────────────────────────────────────────────────────────────────────
    async def _connect(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(url, max_msg_size=64 * 1024 * 1024)
        self._reader = asyncio.create_task(self._read(self._socket))

    async def _close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _call(self, method: str, session: str, parameters: dict[str, object]) -> dict[str, Any]:
        assert self._socket is not None
        self._number += 1
        number = self._number
        answer = self._answers[number] = self._loop.create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json({**message, "sessionId": session} if session else message)
        async with asyncio.timeout(PATIENCE):
            told = await answer
        assert "error" not in told, f"{method}: {told['error']}"
        result: dict[str, Any] = told["result"]
        return result

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            message = frame.json()
            if "id" in message:
                answer = self._answers.pop(message["id"])
                if not answer.done():
                    answer.set_result(message)
            elif tab := self._tabs.get(message.get("sessionId", "")):
                tab.heard(message["method"], message["params"])


class Tab:
    """One page. asked: URLs that were requested. said: what its console holds against it: errors, broken policies."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self._loads = 0
        self.asked: list[str] = []
        self.said: list[str] = []

    def heard(self, method: str, told: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.said.append(told["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.said.append(str(told["exceptionDetails"]))

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def resize(self, width: int, height: int) -> None:
        """Below 600 pixels it is a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", **size, mobile=width < 600)

    def go(self, url: str) -> None:
        """To a page, until it has loaded."""
        before = self._loads
        self.call("Page.navigate", url=url)
        wait_until(lambda: self._loads > before, PATIENCE, lambda: f"{url} did not load: {self.said}")

    def follow(self, expression: str) -> None:
        """What leads to another page (a click), until that has loaded."""
        before = self._loads
        self.value(expression)
        wait_until(lambda: self._loads > before, PATIENCE, lambda: f"{expression} led nowhere: {self.said}")

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression in the page, as JSON. Works in a page without scripts, too."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, f"{expression}: {told['exceptionDetails']}"
        return told["result"].get("value")

    def until(self, expression: str, timeout: float = PATIENCE) -> float:
        """Once it is true: after how many seconds."""
        began = time.monotonic()
        wait_until(lambda: bool(self.value(expression)), timeout, lambda: f"not true: {expression}")
        return time.monotonic() - began

    def press(self, key: str) -> None:
        """A key of the keyboard, like Tab or Enter."""
        for kind in ("keyDown", "keyUp"):
            code = {"Tab": 9, "Enter": 13}[key]
            text = "\r" if key == "Enter" and kind == "keyDown" else ""
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text
            )

    def picture(self, path: Path, whole: bool = True) -> int:
        """A PNG of the page, all of it or what the window shows; its octets."""
        told = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, optimizeForSpeed=False
        )
        octets = base64.b64decode(told["data"])
        path.write_bytes(octets)
        return len(octets)
