"""The page of a stream in a real browser: is every sample heard, one after the other?

    python benchmarks/stream_page.py [--minutes 10] [--listeners 3] [--chromium /usr/bin/chromium]

Streams a ramp, of which each sample is one step above the one before, over HTTP at 16 kHz; opens
the page in a headless Chromium, clicks on its button, and puts a counter behind the worklet that
plays: it sees the very samples that go to the sound card. Meanwhile other listeners read the same
stream, and one of them stalls. Nothing may be missing, and the page may never run dry.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from typica.streaming.block import Block
from typica.streaming.broadcast import Broadcast
from typica.streaming.server import Server, listen
from typica.streaming.station import Station

RATE = 16000
BLOCK = 1600
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP *.test 127.0.0.1",  # hosts that no browser takes for its own
)
START_S = 30.0  # that a browser may take to start

# Runs before the page's own scripts: keeps the worklet that plays where the counter finds it.
CATCH = """
const Node = AudioWorkletNode;
window.AudioWorkletNode = class extends Node {
  constructor(context, name, options) {
    super(context, name, options);
    if (name === "stream") window.playing = this;
  }
};
"""

# Counts samples, and those that are not one step above the one before.
COUNTER = """
registerProcessor("counter", class extends AudioWorkletProcessor {
  constructor() {
    super();
    Object.assign(this, { heard: 0, breaks: 0, before: null });
    this.port.onmessage = () => this.port.postMessage([this.heard, this.breaks]);
  }
  process([[input]]) {
    for (const sample of input ?? []) this.count(sample);
    return true;
  }
  count(sample) {
    if (this.before === null && sample === 0) return;
    const wrapped = sample - this.before - 1 / 32768;
    if (this.before !== null && wrapped !== 0 && wrapped !== -2) this.breaks += 1;
    this.heard += 1;
    this.before = sample;
  }
});
"""
ATTACH = f"""
(async () => {{
  const url = URL.createObjectURL(new Blob([{json.dumps(COUNTER)}], {{ type: "text/javascript" }}));
  await playing.context.audioWorklet.addModule(url);
  window.counter = new AudioWorkletNode(playing.context, "counter", {{ numberOfOutputs: 0 }});
  playing.connect(counter);
}})()
"""
COUNTED = """
new Promise((tell) => {
  counter.port.onmessage = ({ data }) => tell(data);
  counter.port.postMessage(0);
})
"""


class Ramp:
    """A performance whose samples go up by one step of 16 bits each, and begin again."""

    rate = RATE

    def __init__(self) -> None:
        self.starts = itertools.count(0, BLOCK)

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        """Return the next tenth of a second."""
        at = next(self.starts)
        codes = (at + np.arange(BLOCK)) % 65536 - 32768
        return Block((codes / 32768).astype(np.float32), at, {"ramp": float(at % 100)}, [])

    def close(self) -> None:
        """Hold nothing."""


class Chromium:
    """A headless browser with one page, driven over its debugging protocol."""

    def __init__(self, path: str, folder: str, flags: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [path, *FLAGS, *flags, "--remote-debugging-port=0", f"--user-data-dir={folder}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.held = ExitStack()
        self.socket = self._connect()
        self.numbers = itertools.count(1)
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Page.setBypassCSP", enabled=True)  # the counter is no file of the page
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=CATCH)

    def _connect(self) -> Any:
        from websockets.sync.client import connect

        assert self.process.stderr
        line = next(line for line in self.process.stderr if "DevTools listening on" in line)
        host = line.split("ws://")[1].split("/")[0]
        self.reader = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.reader.start()
        with urllib.request.urlopen(f"http://{host}/json/list", timeout=START_S) as answer:
            pages = [target for target in json.load(answer) if target["type"] == "page"]
        self.said: list[dict[str, Any]] = []
        return self.held.enter_context(connect(pages[0]["webSocketDebuggerUrl"], max_size=None))

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=START_S))
            if answer.get("id") == number:
                return answer["result"]
            self.said.append(answer)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited where it is a promise."""
        told = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, expression: str, timeout_s: float = 20.0) -> Any:
        """Return an expression's value once it is true."""
        until = time.monotonic() + timeout_s
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < until, f"never came true: {expression}"
            time.sleep(0.1)
        return value

    def open(self, url: str) -> None:
        """Go to a page."""
        self.ask("Page.navigate", url=url)

    def click(self, selector: str) -> None:
        """Click on an element as a hand would."""
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        x, y = self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({box})"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def text(self, selector: str) -> str:
        """Return what an element says."""
        return self.evaluate(f"document.querySelector({selector!r}).textContent")

    def complaints(self) -> list[str]:
        """Return the exceptions and errors that the page's console was told."""
        self.evaluate("1")  # so that what was said meanwhile is read
        wrong = [said for said in self.said if said["method"] == "Runtime.exceptionThrown"]
        logged = [said for said in self.said if said["method"] == "Log.entryAdded"]
        wrong += [said for said in logged if said["params"]["entry"]["level"] == "error"]
        return [json.dumps(said["params"]) for said in wrong]

    def screenshot(self, path: Path) -> None:
        """Save a picture of the page."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """End the browser."""
        self.held.close()
        self.process.terminate()
        self.process.wait(10)
        self.reader.join(10)
        if self.process.stderr:
            self.process.stderr.close()


@contextmanager
def chromium(path: str, flags: tuple[str, ...] = ()) -> Iterator[Chromium]:
    """Open a browser with a profile of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Chromium(path, folder, flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(performance: Any, limits: Any = None) -> Iterator[tuple[Broadcast, str]]:
    """Stream a performance at a free port; give the broadcast and its address."""
    broadcast = Broadcast(performance, live=True)
    server = Server(Station(broadcast, "ramp", "counting", limits or {}), listen("127.0.0.1:0"))
    server.start()
    broadcast.start()
    try:
        yield broadcast, server.address
    finally:
        broadcast.stop()
        broadcast.join(5)
        server.stop()


def count(browser: Chromium, url: str, seconds: float) -> dict[str, Any]:
    """Play the page for so long; return what was heard of the ramp."""
    browser.open(url)
    browser.wait("document.querySelector('#status')?.textContent === 'Ready'")
    browser.click("#play")
    browser.wait("window.playing && playing.context.state === 'running'")
    browser.evaluate(ATTACH)
    browser.wait(f"({COUNTED}).then(([heard]) => heard > 0)")
    before, began = browser.evaluate(COUNTED)[0], time.monotonic()
    time.sleep(seconds)
    (heard, breaks), ended = browser.evaluate(COUNTED), time.monotonic()
    return {
        "seconds": ended - began,
        "heard": heard - before,
        "breaks": breaks,
        "underruns": int(browser.text("#underruns")),
        "rate": browser.evaluate("playing.context.sampleRate"),
        "complaints": browser.complaints(),
    }


def drink(address: str, stop: threading.Event, stalls: bool) -> None:
    """Read the endless WAV file, or stall after its head."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(f"GET /stream.wav HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        line.settimeout(1)
        while not stop.is_set():
            if stalls:
                stop.wait(1)
                continue
            if not line.recv(1 << 16):
                return


def main() -> None:
    """Count for ten minutes, print what was heard, and fail if anything was missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--listeners", type=int, default=3)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    asked = parser.parse_args()
    stop = threading.Event()
    with served(Ramp()) as (broadcast, address), chromium(asked.chromium) as browser:
        version = browser.ask("Browser.getVersion")["product"]
        for number in range(asked.listeners):
            told = (address, stop, number == 0)
            threading.Thread(target=drink, args=told, daemon=True).start()
        heard = count(browser, address, 60 * asked.minutes)
        metrics = broadcast.metrics()
        stop.set()
    share = heard["heard"] / RATE / heard["seconds"]
    print(f"{version}, context at {heard['rate']} Hz, {heard['seconds']:.1f} s")
    print(f"samples heard {heard['heard']}, {share:.4f} of real time")
    print(f"breaks {heard['breaks']}, underruns {heard['underruns']}")
    print(
        f"other listeners {asked.listeners}, one of them stalled: "
        f"dropped {metrics['listeners_dropped']:.0f}; late blocks {metrics['late_blocks']:.0f}"
    )
    sys.exit(bool(heard["breaks"] or heard["underruns"] or heard["complaints"]))


if __name__ == "__main__":
    main()
