"""A headless Chromium, driven over its debugging pipe with the standard library only."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")


def executable() -> str | None:
    """The path of a Chromium, None if there is none here."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One tab. `with Browser() as tab: tab.load(path); tab.js("1 + 1")`."""

    def __init__(self, width: int = 1200, height: int = 800) -> None:
        self.width, self.height = width, height
        self.events: list[dict[str, Any]] = []
        self.number = 0
        self.rest = b""

    def __enter__(self) -> Browser:
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (their_in, their_out)]
        self.process = subprocess.Popen(
            [executable() or "chromium", *FLAGS, f"--user-data-dir={self.folder.name}", "about:blank"],
            preexec_fn=lambda: (os.dup2(high[0], 3), os.dup2(high[1], 4)),  # where Chromium looks for them
            close_fds=False,  # all but these two close by themselves
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in (their_in, their_out, *high):
            os.close(fd)
        self.output, self.input = os.fdopen(our_out, "wb", 0), os.fdopen(our_in, "rb", 0)
        self.session: str | None = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=self.width,
            height=self.height,
            deviceScaleFactor=1,
            mobile=False,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.output.write(json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(10)
        self.output.close()
        self.input.close()
        self.folder.cleanup()

    def read(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            part = self.input.read(1 << 20)
            if not part:
                raise RuntimeError("Chromium has gone")
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol, and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.output.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                return answer["result"]  # type: ignore[no-any-return]
            self.events.append(answer)

    def load(self, path: Path) -> None:
        """Open a file, and wait until it is there."""
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.read())

    def js(self, code: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description"))
        return result["result"].get("value")

    def key(self, key: str, shift: bool = False) -> None:
        """Press and let go of a key."""
        code = {"Enter": 13, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        number = code.get(key, ord(key.upper()) if len(key) == 1 and key.isalnum() else 0)
        down = {"key": key, "windowsVirtualKeyCode": number, "modifiers": 8 if shift else 0}
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **down, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **down)

    def click(self, x: float, y: float, count: int = 1) -> None:
        """Click at a place of the window."""
        for number in range(1, count + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=number)

    def errors(self) -> list[str]:
        """What went wrong in the page so far: exceptions, and errors in the console."""
        self.js("0")
        found = []
        for event in self.events:
            params = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(str(params["args"]))
            elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(params["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """The addresses that the page has asked for."""
        self.js("0")
        sent = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    def screenshot(self) -> np.ndarray[Any, Any]:
        """The window as (height, width, 3) bytes."""
        return decode_png(
            base64.b64decode(self.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)["data"])
        )


def decode_png(data: bytes) -> np.ndarray[Any, Any]:
    """An 8-bit RGB or RGBA PNG as (height, width, 3) bytes (PNG specification, sections 4 and 9)."""
    at, idat = 8, b""
    width = height = channels = 0
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[colour]
            assert depth == 8
        elif kind == b"IDAT":
            idat += body
        at += length + 12
    rows = np.frombuffer(zlib.decompress(idat), np.uint8).reshape(height, 1 + width * channels)
    pixels = np.zeros((height, width, channels), np.uint8)
    above = np.zeros((width, channels), np.int32)
    for y in range(height):
        kind, line = rows[y, 0], rows[y, 1:].reshape(width, channels).astype(np.int32)
        if kind == 2:
            line = line + above
        elif kind == 1:
            line = np.cumsum(line, axis=0)
        elif kind in (3, 4):
            left = upper_left = np.zeros(channels, np.int32)
            for x in range(width):
                if kind == 3:
                    guess = (left + above[x]) // 2
                else:
                    p = left + above[x] - upper_left
                    d = np.abs(np.stack([p - left, p - above[x], p - upper_left]))
                    guess = np.where(
                        (d[0] <= d[1]) & (d[0] <= d[2]), left, np.where(d[1] <= d[2], above[x], upper_left)
                    )
                line[x] = left = (line[x] + guess) & 255
                upper_left = above[x]
        above = line & 255
        pixels[y] = above
    return pixels[..., :3]
