"""The page in a real browser: headless Chromium, driven over its remote-debugging protocol.

Screenshots are kept in the folder that TABLECLOUD_SCREENSHOTS names, to be looked at.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from api_bench import TRAINING, ApiBench

from tablecloud.jobs.api.app import create_app
from tablecloud.jobs.model import LogEntry, NewJob, Reason, State
from tablecloud.jobs.moves import Move
from tablecloud.jobs.page.sessions import link

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
KEY = b"key of links"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


class Tab:
    """One tab of a headless Chromium, by a WebSocket client for loopback and text frames only."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self._file = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while self._file.readline().strip():
            pass
        self._count = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        self._send(json.dumps({"id": self._count, "method": method, "params": parameters}).encode())
        while True:
            message = json.loads(self._receive())
            if message.get("id") == self._count:
                return message.get("result", {})  # none where a navigation took the page away meanwhile
            self.events.append(message)

    def evaluate(self, script: str) -> Any:
        return (
            self.call("Runtime.evaluate", expression=script, returnByValue=True)
            .get("result", {})
            .get("value")
        )

    def wait(self, script: str, seconds: float = 15) -> None:
        """Return once a script gives anything."""
        give_up = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({script})"):
            assert time.monotonic() < give_up, (script, self.evaluate("document.body.innerText"))
            time.sleep(0.05)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url[:20])})")

    def screenshot(self, name: str) -> None:
        folder = os.environ.get("TABLECLOUD_SCREENSHOTS")
        taken = base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])
        assert taken.startswith(b"\x89PNG")
        if folder:
            (Path(folder) / f"{name}.png").write_bytes(taken)

    def troubles(self) -> list[str]:
        """Return what the console and the policy complained of."""
        found = [e["params"]["entry"]["text"] for e in self.events if e["method"] == "Log.entryAdded"]
        return found + [str(e["params"]) for e in self.events if e["method"] == "Runtime.exceptionThrown"]

    def hosts(self) -> set[str]:
        """Return every host that was asked for anything."""
        sent = [
            e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"
        ]
        return {urlsplit(url).hostname or "" for url in sent}

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _send(self, data: bytes) -> None:
        size = len(data)
        head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
        mask = os.urandom(4)
        self._socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def _receive(self) -> bytes:
        whole = b""
        while True:
            first, second = self._file.read(2)
            size = second & 0x7F
            if size == 126:
                [size] = struct.unpack("!H", self._file.read(2))
            elif size == 127:
                [size] = struct.unpack("!Q", self._file.read(8))
            whole += self._file.read(size)
            if first & 0x80:
                return whole


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.listening.set()


@pytest.fixture
def bench(tmp_path) -> Iterator[ApiBench]:
    made = ApiBench(tmp_path / "root")
    yield made
    made.close()


@pytest.fixture
def url(bench) -> Iterator[str]:
    closing = threading.Event()
    app = create_app(bench.service, principals=bench.api.principals, link_key=KEY, closing=closing)
    server = Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.listening.wait(10)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    closing.set()
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def debugger(tmp_path_factory) -> Iterator[str]:
    profile = tmp_path_factory.mktemp("profile")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += ["--remote-debugging-port=0", "--disable-background-networking", "--window-size=1200,900"]
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [CHROMIUM, *flags, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    active = profile / "DevToolsActivePort"
    give_up = time.monotonic() + 30
    while not (active.exists() and active.read_text().strip()):
        assert time.monotonic() < give_up and process.poll() is None, "Chromium did not start"
        time.sleep(0.05)
    yield f"http://127.0.0.1:{active.read_text().splitlines()[0]}"
    process.terminate()
    process.wait(20)


@pytest.fixture
def tab(debugger) -> Iterator[Tab]:
    request = urllib.request.Request(f"{debugger}/json/new?about:blank", method="PUT")
    with urllib.request.urlopen(request, timeout=20) as reply:
        made = Tab(json.load(reply)["webSocketDebuggerUrl"])
    yield made
    made.close()


def enter(tab: Tab, url: str) -> None:
    tab.open(link(url, KEY, time.time()))
    tab.wait("location.pathname === '/ui/' && document.querySelector('h1')")


def test_login_by_token_and_by_link(bench, url, tab):
    tab.open(f"{url}/ui/")
    assert tab.evaluate("document.querySelector('h1').innerText") == "Log in"
    tab.screenshot("login")
    tab.evaluate("document.getElementById('token').value = 'wrong'; document.forms[0].requestSubmit()")
    tab.wait("document.querySelector('.error')")
    tab.evaluate(
        "document.getElementById('token').value = 'the-servers-own-token'; document.forms[0].requestSubmit()"
    )
    tab.wait("document.querySelector('table')")
    assert tab.evaluate("document.cookie") == ""
    tab.evaluate("document.querySelector('header form').requestSubmit()")
    tab.wait("document.getElementById('token')")
    enter(tab, url)


def test_the_list_follows_the_jobs(bench, url, tab):
    for number in range(6):
        bench.create(f"census_{number}")
    bench.service.cancel("demo", "census_2", actor="user:local")
    enter(tab, url)
    tab.wait("document.querySelectorAll('tbody tr').length === 7")
    bench.create("late_comer")
    tab.wait("document.body.innerText.includes('late_comer')")
    assert tab.evaluate("document.querySelectorAll('svg.bar rect').length") > 7
    assert "rgb" in tab.evaluate("getComputedStyle(document.querySelector('rect')).fill")
    tab.screenshot("jobs")
    assert tab.troubles() == []
    assert tab.hosts() == {"127.0.0.1"}


def test_a_job_with_hostile_texts_is_followed_to_its_end(bench, url, tab):
    training = {**TRAINING, "args": [HOSTILE]}
    new = NewJob(
        project="demo", job_id="hostile", document={"trainingInput": training}, labels={"x": HOSTILE}
    )
    job = bench.service.create(new).result()
    bench.service.logs("demo", "hostile")
    enter(tab, url)
    tab.open(f"{url}/ui/projects/demo/jobs/hostile")
    tab.wait("document.querySelectorAll('#log .line').length > 2")
    entry = LogEntry(at=time.time(), severity="ERROR", task="master-replica-0", message=HOSTILE)
    bench.service._open_log(job.uid).append(entry)
    tab.wait("document.getElementById('log').innerText.includes('onerror')")
    bench.service.cancel("demo", "hostile", actor="user:local")
    tab.wait("document.querySelector('h1 .state').innerText === 'CANCELLED'")
    tab.screenshot("job")
    assert tab.evaluate("document.title") == "hostile · Tablecloud"
    assert tab.evaluate("document.images.length") == 0
    assert tab.troubles() == []


def test_no_script_runs_but_ours(bench, url, tab):
    enter(tab, url)
    tab.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; "
        "document.body.append(s)"
    )
    assert tab.evaluate("window.owned") is None
    tab.evaluate("fetch('http://localhost:9/')")
    tab.wait("true")
    assert any("Content Security Policy" in trouble for trouble in tab.troubles())


def tuned(bench: ApiBench) -> None:
    """Leave a tuning job that has ended with its trials."""
    trials = [
        {
            "trialId": str(number),
            "state": "SUCCEEDED",
            "hyperparameters": {"rate": f"{0.1 / number:.4f}", "depth": str(number % 5 + 2)},
            "finalMetric": {"trainingStep": "50", "objectiveValue": 0.6 + 0.03 * (number * 7 % 11)},
            "allMetrics": [
                {
                    "trainingStep": str(step),
                    "objectiveValue": (0.6 + 0.03 * (number * 7 % 11)) * (1 - 0.9**step),
                }
                for step in range(1, 50, 4)
            ],
        }
        for number in range(1, 13)
    ]
    document = {"trainingInput": {**TRAINING, "hyperparameters": {"goal": "MAXIMIZE"}}}
    job = bench.service.create(NewJob(project="demo", job_id="tuned", document=document)).result()
    store = bench.service._parts().store
    move = Move(
        uid=job.uid,
        from_states={State.QUEUED},
        to=State.FAILED,
        reason=Reason.INTERNAL,
        at=time.time(),
        actor="test",
        error_message="The trials are what this is about.",
        output={"completedTrialCount": "12", "trials": trials},
    )
    assert store.transition(move) is not None


def test_trials_are_drawn(bench, url, tab):
    tuned(bench)
    enter(tab, url)
    tab.open(f"{url}/ui/projects/demo/jobs/tuned")
    tab.wait("document.querySelectorAll('svg.chart').length === 2")
    assert tab.evaluate("document.querySelectorAll('circle.mark').length") == 12
    assert tab.evaluate("document.querySelectorAll('svg.chart polyline').length") == 13
    tab.screenshot("trials")
    assert tab.troubles() == []
