"""A real headless Chromium, driven through ChromeDriver's own protocol (W3C WebDriver): what a test
needs of it, and no more.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
DRIVER = shutil.which("chromedriver")
MISSING = (
    "no Chromium here: `apt-get install chromium chromium-driver` brings the browser that this"
    " test opens the page in"
)
FLAGS = (
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-sync",
        "--disable-quic",
    ),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-extensions",
        "--force-color-profile=srgb",
    ),
)
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": " ", "Shift": "\ue008", "Down": "\ue015"}


class Browser:
    """One session. Scripts, keys, sizes, pictures, and what the browser complained of."""

    def __init__(self, address: str, profile: str) -> None:
        self.address = address
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self.session = ""
        self.session = self._call("POST", "session", {"capabilities": {"alwaysMatch": wanted}})[
            "sessionId"
        ]

    def _call(self, method: str, place: str, body: Any = None) -> Any:
        url = (
            f"{self.address}/session/{self.session}/{place}"
            if self.session
            else f"{self.address}/{place}"
        )
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url.rstrip("/"), data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

    def close(self) -> None:
        self._call("DELETE", "")

    def open(self, page: Path) -> None:
        self._call("POST", "url", {"url": page.resolve().as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        """JavaScript in the page; `arguments[0]` and so on are what is given."""
        return self._call("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def soon(self, script: str, *arguments: Any) -> Any:
        """The script's answer as soon as it is true; at the latest after some seconds."""
        until = time.monotonic() + 10
        while not (found := self.run(script, *arguments)) and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def press(self, *keys: str) -> None:
        """Keys by name (`Tab`) or as text, one after the other, to whatever has the focus."""
        strokes = [stroke for key in keys for stroke in ([KEYS[key]] if key in KEYS else list(key))]
        actions = [
            {"type": kind, "value": stroke} for stroke in strokes for kind in ("keyDown", "keyUp")
        ]
        self._call(
            "POST", "actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}
        )

    def tool(self, name: str, **parameters: Any) -> Any:
        """A command of Chromium's developer tools."""
        return self._call("POST", "goog/cdp/execute", {"cmd": name, "params": parameters})

    def resize(self, width: int, height: int = 900) -> None:
        self.tool(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        self.tool(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def picture(self, path: Path) -> None:
        """The whole page."""
        data = self.tool("Page.captureScreenshot", captureBeyondViewport=True, format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def complaints(self) -> list[str]:
        """Everything in the console since the last look."""
        return [line["message"] for line in self._call("POST", "se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """Every address asked for since the last look."""
        events = [
            json.loads(line["message"])["message"]
            for line in self._call("POST", "se/log", {"type": "performance"})
        ]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start the driver, and the browser through it; both are gone afterwards."""
    assert DRIVER is not None
    with tempfile.TemporaryDirectory() as profile:
        driver = subprocess.Popen(
            [DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert driver.stdout is not None
            port = next(
                (
                    found[1]
                    for line in driver.stdout
                    if (found := re.search(r"started successfully on port (\d+)", line))
                ),
                None,
            )
            assert port, "chromedriver did not start"
            opened = Browser(f"http://127.0.0.1:{port}", profile)
            try:
                yield opened
            finally:
                opened.close()
        finally:
            driver.terminate()
            driver.communicate(timeout=20)
