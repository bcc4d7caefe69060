"""The page over its ASGI face, on a real service with a scripted executor."""

import json
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote, urlencode

import pytest
import uvicorn
from api_bench import TOKEN, ApiBench

from tablecloud.jobs.api.app import create_app
from tablecloud.jobs.api.principals import Principals, local_principals
from tablecloud.jobs.api.roles import Binding
from tablecloud.jobs.model import LogEntry, NewJob, State
from tablecloud.jobs.page.sessions import make_code

KEY = b"key of links"
HOSTILE = "<script>alert(1)</script>"


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.listening.set()


class Browser:
    """One client with its cookies."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent["Cookie"] = self.cookie
        connection.request(method, path, body, sent)
        reply = connection.getresponse()
        if given := reply.headers.get("Set-Cookie"):
            self.cookie = given.partition(";")[0]
        return reply

    def page(self, path: str, status: int = 200) -> str:
        reply = self.send("GET", path)
        text = reply.read().decode()
        assert reply.status == status, text
        return text

    def log_in(self, token: str = TOKEN) -> "Browser":
        reply = self.send("POST", "/ui/login", urlencode({"token": token}))
        assert reply.status == 200, reply.read()
        reply.read()
        return self

    def events(self, path: str) -> Iterator[tuple[str, object]]:
        reply = self.send("GET", path)
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        name = ""
        while line := reply.readline().decode():
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)
        reply.close()


@pytest.fixture
def bench(tmp_path) -> Iterator[ApiBench]:
    made = ApiBench(tmp_path / "root")
    yield made
    made.close()


@pytest.fixture
def serve(bench):
    stops = []

    def start(principals: Principals | None = None) -> Browser:
        closing = threading.Event()
        app = create_app(
            bench.service, principals=principals or bench.api.principals, link_key=KEY, closing=closing
        )
        server = Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        assert server.listening.wait(10)

        def stop() -> None:
            closing.set()
            server.should_exit = True
            thread.join(10)

        stops.append(stop)
        return Browser(server.servers[0].sockets[0].getsockname()[1])

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def browser(serve) -> Browser:
    return serve()


def test_nobody_sees_anything_without_a_login(bench, browser):
    bench.create("secret_job")
    for path in (
        "/ui/",
        "/ui/changes",
        "/ui/projects/demo/jobs/secret_job",
        "/ui/projects/demo/jobs/x/log.txt",
    ):
        text = browser.page(path, status=401)
        assert "secret_job" not in text
        assert 'type="password"' in text
    assert browser.send("GET", "/").headers["Location"] == "/ui/"


def test_a_token_logs_in_and_out(bench, browser):
    bench.create("a_job")
    assert "not known" in browser_login(browser, "wrong", 401)
    reply = browser.send("POST", "/ui/login", urlencode({"token": TOKEN}))
    cookie = reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/ui" in cookie
    assert TOKEN not in cookie
    assert "a_job" in browser.page("/ui/")
    old = browser.cookie
    assert browser.send("POST", "/ui/logout").status == 303
    browser.cookie = old
    browser.page("/ui/", status=401)


def browser_login(browser: Browser, token: str, status: int) -> str:
    reply = browser.send("POST", "/ui/login", urlencode({"token": token}))
    assert reply.status == status
    return reply.read().decode()


def test_a_link_logs_in_once(browser, serve):
    path = f"/ui/enter?code={make_code(KEY, time.time())}"
    browser.page(path)
    browser.page("/ui/")
    assert "used already" in Browser(browser.port).page(path, status=401)


def test_forms_of_other_sites_are_refused(browser):
    body = urlencode({"token": TOKEN})
    assert browser.send("POST", "/ui/login", body, Origin="http://evil.example").status == 403
    assert browser.send("POST", "/ui/login", body, Origin="null").status == 403
    own = f"http://127.0.0.1:{browser.port}"
    assert browser.send("POST", "/ui/login", body, Origin=own).status == 200


def test_the_cookie_opens_neither_api_nor_buckets(browser):
    browser.log_in()
    assert browser.send("GET", "/v1/projects/demo/jobs").status == 401
    assert browser.send("GET", "/storage/v1/b").status in (401, 403)


@pytest.mark.parametrize(
    "path", ["/", "/ui/", "/ui/nothing", "/ui/page.css", "/ui/page.js", "/ui/enter?code=x"]
)
def test_every_answer_forbids_what_is_not_ours(browser, path):
    headers = browser.log_in().send("GET", path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_hostile_texts_stay_texts(bench, browser):
    training = {"pythonModule": HOSTILE, "args": [f'"{HOSTILE}'], "jobDir": "gs://b/'"}
    new = NewJob(
        project=HOSTILE, job_id=f"j{HOSTILE}", document={"trainingInput": training}, labels={HOSTILE: HOSTILE}
    )
    bench.service.create(new).result()
    bench.service.cancel(HOSTILE, f"j{HOSTILE}", actor=HOSTILE)
    browser.log_in()
    overview = browser.page("/ui/")
    path = f"/ui/projects/{quote(HOSTILE, safe='')}/jobs/j{quote(HOSTILE, safe='')}"
    assert path in overview
    job = browser.page(path)
    for text in (overview, job, browser.page(f"/ui/?{urlencode({'project': HOSTILE})}")):
        assert "alert(1)" in text
        assert "<script>" not in text
        assert "alert(1)</script" not in text
    data = dict(browser.events(f"{path}/changes"))
    assert "<script" not in str(data["fragment"])


def test_a_job_that_runs_and_ends_is_followed(bench, browser):
    bench.create("a")
    job = bench.service.get("demo", "a")
    assert job is not None
    bench.service.logs("demo", "a")
    browser.log_in()
    events = browser.events("/ui/projects/demo/jobs/a/changes")
    name, lines = next(events)
    assert (name, lines[0]["text"].endswith("Validating job requirements...")) == ("log", True)
    name, fragment = next(events)
    assert (name, "QUEUED" in fragment) == ("fragment", True)
    entry = LogEntry(at=time.time(), severity="ERROR", task="master-replica-0", message=HOSTILE)
    bench.service._open_log(job.uid).append(entry)
    bench.service.cancel("demo", "a", actor="user:local")
    seen = list(events)
    logged = [line for name, lines in seen if name == "log" for line in lines]
    assert {"severity": "ERROR", "text": logged[0]["text"]} == logged[0]
    assert logged[0]["text"].endswith(HOSTILE)
    assert "CANCELLED" in [fragment for name, fragment in seen if name == "fragment"][-1]
    assert seen[-1] == ("end", None)
    text = browser.send("GET", "/ui/projects/demo/jobs/a/log.txt")
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert HOSTILE in text.read().decode()


def test_the_list_changes_while_it_is_open(bench, browser):
    browser.log_in()
    events = browser.events("/ui/changes?project=demo")
    name, fragment = next(events)
    assert (name, "no jobs yet" in fragment) == ("fragment", True)
    bench.create("fresh")
    assert "fresh" in next(events)[1]


def test_a_stream_ends_with_the_session(bench, serve):
    browser = serve()
    browser.log_in()
    events = browser.events("/ui/changes")
    next(events)
    browser.send("POST", "/ui/logout").read()
    for name, _ in events:
        assert name == "fragment"


def test_members_see_their_projects_only(bench, serve):
    bench.create("mine", project="mine")
    bench.create("theirs", project="theirs")
    own = local_principals("ann-token")
    viewer = Binding(role="roles/ml.viewer", members=("user:ann@example.com",))
    members = dict.fromkeys(own.members, "user:ann@example.com")
    browser = serve(Principals(members=members, bindings={"mine": (viewer,)})).log_in("ann-token")
    page = browser.page("/ui/")
    assert "/jobs/mine" in page
    assert "theirs" not in page
    browser.page("/ui/projects/theirs/jobs/theirs", status=404)
    browser.page("/ui/projects/theirs/jobs/none", status=404)


def test_older_jobs_are_a_link_away(bench, browser):
    for number in range(105):
        bench.service.create(
            NewJob(project="many", job_id=f"j{number:03}", document={"trainingInput": {}})
        ).result()
    browser.log_in()
    page = browser.page("/ui/?project=many")
    assert "j104" in page
    assert "/j004" not in page
    link = page.partition("Older jobs")[0].rpartition('href="')[2].rpartition('"')[0].replace("&amp;", "&")
    older = browser.page(link)
    assert "/j004" in older
    assert "/j005" not in older
    assert State.QUEUED.value in older


def test_only_get_reads(browser):
    browser.log_in()
    assert browser.send("POST", "/ui/").status == 405
    assert browser.send("GET", "/ui/login").status == 405
    browser.page("/ui/?before=never", status=200)
    browser.page("/ui/projects/demo/jobs/none", status=404)
