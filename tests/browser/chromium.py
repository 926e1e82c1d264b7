"""A headless Chromium, spoken to by its DevTools protocol over a pipe: nothing but Chromium needed.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_S = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Pipe:
    """To one browser, with several tabs."""

    def __init__(self, out: int, into: int) -> None:
        self._out = out
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        self.tabs: dict[str, Chromium] = {}
        threading.Thread(target=self._read, args=(into,), daemon=True).start()

    def ask(self, method: str, session: str | None, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._answers.get(timeout=LIMIT_S)
            if answer["id"] == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                found: dict[str, Any] = answer["result"]
                return found

    def _read(self, into: int) -> None:
        rest = b""
        while data := os.read(into, 1 << 20):
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.put(message)
                elif tab := self.tabs.get(message.get("sessionId", "")):
                    tab.hear(message["method"], message["params"])


class Chromium:
    """One tab. `problems` are errors and warnings of the console, exceptions, and what the page's
    policy blocked; `requests` are the addresses that the page asked for."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._session: str | None = None
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        pipe.tabs[attached["sessionId"]] = self
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._pipe.ask(method, self._session, parameters)

    def close(self) -> None:
        self._pipe.ask("Target.closeTarget", None, {"targetId": self._target})

    def hear(self, method: str, said: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(said["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning"):
            self.problems.append(json.dumps(said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.problems.append(said["entry"]["text"])

    def screen(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, expression: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str, limit: float = LIMIT_S) -> None:
        deadline = time.monotonic() + limit
        while not self.value(expression):
            assert time.monotonic() < deadline, f"not true: {expression}"
            time.sleep(0.05)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mouseMoved", *begin)
        self.mouse("mousePressed", *begin, button="left", clickCount=1)
        middle = ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2)
        self.mouse("mouseMoved", *middle, button="left", buttons=1)
        self.mouse("mouseMoved", *end, button="left", buttons=1)
        self.mouse("mouseReleased", *end, button="left", clickCount=1)

    def picture(self, path: Path) -> None:
        """Of the entire page."""
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(data["data"]))


@contextmanager
def running(folder: Path, chromium: str) -> Iterator[Callable[[], Chromium]]:
    """Gives new tabs of one browser that reaches no network but this machine's."""
    to_read, to_write = os.pipe(), os.pipe()

    # Chromium reads file descriptor 3 and writes to 4.
    script = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
    ends = (to_read[0], to_write[1])
    process = subprocess.Popen(
        [
            "bash", "-c", script, "bash", *map(str, ends),
            chromium, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}",
            "--no-first-run", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update",
            # As root, in a container of a CI, there is no sandbox to be had.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=ends,
    )  # fmt: skip
    try:
        for end in ends:
            os.close(end)
        pipe = Pipe(to_read[1], to_write[0])
        yield lambda: Chromium(pipe)
    finally:
        process.terminate()
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(to_read[1])
        os.close(to_write[0])
