"""The transport against a real server: what a caller sees, and what is left behind."""

from __future__ import annotations

import gzip
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.api import LIST, resource
from tests.support.http_server import HttpServer, Reply, Seen, items_page, json_reply, respond_by_query
from tests.support.tls import Tls, make_tls

from tablecloud.errors import Cancelled, CredentialError, RemoteUnavailable
from tablecloud.rest.messages import (
    Emit,
    Exchange,
    Page,
    Pause,
    Progress,
    Request,
    Response,
    Send,
    Tell,
    TransportFailure,
)
from tablecloud.rest.pages import CallEnded, PageArrived, PageQueue
from tablecloud.rest.paginate import read_pages
from tablecloud.rest.retry import RetryPolicy, attempt
from tablecloud.rest.transport import Call, Transport, TransportSettings

QUICK = RetryPolicy(first_delay=0.001, longest_delay=0.01)
ONCE = RetryPolicy(tries=1)


def as_is(request: Request) -> Request:
    return request


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


@contextmanager
def http2_server(tls: Tls, folder: Path) -> Iterator[str]:
    """Run an HTTP/2 server: node's, for Python's standard library has none."""
    script = folder / "server.mjs"
    script.write_text(
        """
        import http2 from 'node:http2'; import fs from 'node:fs';
        let connections = 0;
        const [cert, key] = process.argv.slice(2).map((name) => fs.readFileSync(name));
        const server = http2.createSecureServer({cert, key}, (request, response) => {
          if (request.url === '/reset') return request.stream.close(2);
          let size = 0;
          request.on('data', (chunk) => { size += chunk.length; });
          request.on('end', () => response.end(`${request.httpVersion} ${connections} ${size}`));
        });
        server.on('session', () => { connections += 1; });
        server.listen(0, '127.0.0.1', () => console.log(server.address().port));
        """
    )
    process = subprocess.Popen(
        ["node", str(script), str(tls.bundle), str(tls.key)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"https://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def get(url: str, **changes) -> Request:
    return Request(http="GET", url=url, method_id="m", provider="p", **changes)


def post(url: str, body: bytes | None = b"{}") -> Request:
    return Request(http="POST", url=url, body=body, method_id="m", provider="p", repeatable=False)


def once(request: Request):
    return (yield Send(request))


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(TransportSettings(), as_is) as opened:
        yield opened


def open_sockets() -> int:
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue
    return count


def test_a_request_goes_out_as_it_is(transport: Transport) -> None:
    with HttpServer(lambda seen: json_reply({"ok": True}, headers={"X-A": "1"})) as server:
        request = Request(
            http="PATCH",
            url=f"{server.url}/a%2Fb/../c?q=1",
            body=b'{"x":1}',
            headers=(("Content-Type", "application/json"),),
        )
        response = transport.start(once(request)).result(10)
        seen = server.seen[0]
    assert (response.status, response.headers["x-a"], response.body) == (200, "1", b'{"ok": true}')
    assert (seen.http, seen.target, seen.body) == ("PATCH", "/a%2Fb/../c?q=1", b'{"x":1}')
    assert seen.headers["user-agent"].startswith("tablecloud/")
    assert "expect" not in seen.headers


@pytest.mark.parametrize(("http", "length"), [("GET", None), ("DELETE", None), ("POST", "0"), ("PUT", "0")])
def test_a_request_without_a_body(transport: Transport, http: str, length: str | None) -> None:
    with HttpServer(lambda seen: Reply(status=204, body=b"")) as server:
        assert transport.start(once(Request(http=http, url=server.url))).result(10).status == 204
        assert server.seen[0].http == http
        assert server.seen[0].headers.get("content-length") == length
        assert "content-type" not in server.seen[0].headers


def test_compressed_answers_are_unpacked(transport: Transport) -> None:
    body = b"x" * 100_000
    with HttpServer(
        lambda seen: Reply(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    ) as server:
        assert transport.start(once(get(server.url))).result(10).body == body
        assert "gzip" in server.seen[0].headers["accept-encoding"]


def test_connections_are_kept(transport: Transport) -> None:
    with HttpServer(respond_by_query()) as server:
        for _ in range(5):
            transport.start(once(get(server.url))).result(10)
        assert server.connections == 1


def test_pages_come_in_order(transport: Transport) -> None:
    with HttpServer(lambda seen: items_page({**seen.query, "size": "2", "pages": "5"})) as server:
        call = transport.start(read_pages(resource(LIST), LIST, {}, root_url=server.url, policy=QUICK))
        assert [page.number for page in call.pages()] == [1, 2, 3, 4, 5]
        assert (call.stats.calls, call.stats.pages, call.stats.retries) == (5, 5, 0)
        assert call.stats.bytes > 0


def test_many_calls_feed_one_queue(transport: Transport) -> None:
    with HttpServer(lambda seen: items_page({**seen.query, "size": "1", "pages": "2"})) as server:
        queue = PageQueue(pages=3)
        calls = [
            transport.start(
                read_pages(resource(LIST), LIST, {}, root_url=server.url, policy=QUICK), sink=queue
            )
            for _ in range(50)
        ]
        pages, ended = 0, set()
        while len(ended) < len(calls):
            arrival = queue.get(10)
            if isinstance(arrival, PageArrived):
                assert arrival.call not in ended
                pages += 1
            else:
                assert isinstance(arrival, CallEnded) and arrival.error is None
                ended.add(arrival.call)
    assert pages == 100


def test_retries_are_made_and_counted(transport: Transport) -> None:
    with HttpServer(respond_by_query()) as server:
        call = transport.start(attempt(get(f"{server.url}/status?code=503&times=2"), QUICK))
        assert call.result(10).status == 200
        assert (call.stats.calls, call.stats.retries) == (3, 2)


def test_retry_after_holds_back_every_call_to_the_host(transport: Transport) -> None:
    def respond(seen: Seen) -> Reply:
        first = len(server.seen) == 1
        return Reply(status=429, headers={"Retry-After": "1"}) if first else Reply()

    with HttpServer(respond) as server:
        throttled = transport.start(attempt(get(f"{server.url}/a"), QUICK))
        server.wait_until(lambda s: len(s.seen) == 1 and s.in_flight == 0)
        assert throttled.result(10).status == 200
        assert throttled.stats.retries == 1


def test_a_service_that_takes_few_at_a_time_serves_all() -> None:
    def respond(seen: Seen) -> Reply:
        return Reply(status=429) if server.in_flight > 5 else Reply(delay=0.005)

    patient = RetryPolicy(first_delay=0.005, longest_delay=0.1)
    with HttpServer(respond) as server, Transport(TransportSettings(), as_is) as transport:
        calls = [transport.start(attempt(get(server.url), patient)) for _ in range(100)]
        assert [call.result(20).status for call in calls] == [200] * 100
        # Without a limit that adapts, all would come back again and again.
        assert len(server.seen) < 400


def test_no_more_in_flight_than_the_limit() -> None:
    with (
        HttpServer(respond_by_query()) as server,
        Transport(TransportSettings(concurrency=3), as_is) as transport,
    ):
        calls = [transport.start(once(get(f"{server.url}/items?delay=0.02"))) for _ in range(20)]
        for call in calls:
            call.result(10)
        assert server.most_in_flight == 3


def test_a_slow_consumer_stops_paging(transport: Transport) -> None:
    with HttpServer(lambda seen: items_page({**seen.query, "size": "1", "pages": "100"})) as server:
        call = transport.start(read_pages(resource(LIST), LIST, {}, root_url=server.url, policy=QUICK))
        pages = call.pages()
        next(pages)
        transport.start(once(get(f"{server.url}/fence"))).result(10)
        server.wait_until(lambda s: len(s.seen) > 90, 0.3)
        assert len(server.seen) < 12
        assert sum(1 for _ in pages) == 99


def test_a_full_queue_keeps_new_calls_from_being_sent(transport: Transport) -> None:
    with HttpServer(lambda seen: items_page({})) as server:
        queue = PageQueue(pages=1)
        start = [
            transport.start(
                read_pages(resource(LIST), LIST, {}, root_url=server.url, policy=QUICK), sink=queue
            )
        ]
        server.wait_until(lambda s: len(s.seen) == 1)
        start[0].result(10)
        start += [
            transport.start(
                read_pages(resource(LIST), LIST, {}, root_url=server.url, policy=QUICK), sink=queue
            )
            for _ in range(20)
        ]
        server.wait_until(lambda s: len(s.seen) > 1, 0.3)
        assert len(server.seen) == 1
        arrivals = [queue.get(10) for _ in range(42)]
    assert sum(isinstance(arrival, PageArrived) for arrival in arrivals) == 21


def test_leaving_the_pages_early_cancels_the_call(transport: Transport) -> None:
    with HttpServer(lambda seen: items_page({**seen.query, "pages": "100"})) as server:
        call = transport.start(read_pages(resource(LIST), LIST, {}, root_url=server.url, policy=QUICK))
        pages = call.pages()
        next(pages)
        pages.close()
        with pytest.raises(Cancelled):
            call.result(10)


def test_cancel_closes_the_transfer(transport: Transport) -> None:
    with HttpServer(lambda seen: Reply(delay=60)) as server:
        call = transport.start(once(get(server.url)))
        assert server.wait_until(lambda s: s.in_flight == 1)
        call.cancel()
        with pytest.raises(Cancelled):
            call.result(10)
        assert server.wait_until(lambda s: s.open_connections == 0)


def test_cancelling_a_queue_cancels_all_its_calls(transport: Transport) -> None:
    with HttpServer(lambda seen: Reply(delay=60)) as server:
        queue = PageQueue()
        calls = [transport.start(attempt(get(server.url), ONCE), sink=queue) for _ in range(20)]
        assert server.wait_until(lambda s: s.in_flight == 20)
        queue.cancel()
        for call in calls:
            with pytest.raises(Cancelled):
                call.result(10)
        assert server.wait_until(lambda s: s.open_connections == 0)


def test_cancelling_a_pause_and_a_call_that_waits_its_turn() -> None:
    begun, closed = threading.Event(), threading.Event()

    def resting():
        try:
            begun.set()
            yield Pause(600)
        finally:
            closed.set()

    with (
        HttpServer(lambda seen: Reply(delay=60)) as server,
        Transport(TransportSettings(concurrency=1), as_is) as transport,
    ):
        calls = [transport.start(once(get(server.url))) for _ in range(2)]
        server.wait_until(lambda s: s.in_flight == 1)
        calls.append(transport.start(resting()))
        assert begun.wait(10)
        for call in reversed(calls):
            call.cancel()
            with pytest.raises(Cancelled):
                call.result(10)
        assert closed.is_set()
        assert len(server.seen) == 1


def test_a_result_that_takes_too_long(transport: Transport) -> None:
    with HttpServer(lambda seen: Reply(delay=60)) as server:
        call = transport.start(once(get(server.url)))
        with pytest.raises(TimeoutError):
            call.result(0.01)
        assert not call.done()


def test_close_leaves_nothing_behind() -> None:
    threads, sockets = set(threading.enumerate()), open_sockets()
    with HttpServer(lambda seen: Reply(delay=60 if seen.path == "/wait" else 0)) as server:
        transport = Transport(TransportSettings(), as_is)
        transport.start(once(get(server.url))).result(10)
        waiting = [transport.start(once(get(f"{server.url}/wait"))) for _ in range(5)]
        server.wait_until(lambda s: s.in_flight == 5)
        transport.close()
        transport.close()
        for call in waiting:
            with pytest.raises(Cancelled):
                call.result(10)
        with pytest.raises(Cancelled):
            transport.start(once(get(server.url)))
        assert server.wait_until(lambda s: s.open_connections == 0)
    assert set(threading.enumerate()) == threads
    assert open_sockets() == sockets


def test_a_transport_that_sends_nothing_starts_nothing() -> None:
    before = threading.active_count()
    with Transport(TransportSettings(), as_is):
        assert threading.active_count() == before


def test_ctrl_c_in_the_consumer_ends_everything() -> None:
    program = """
        import sys
        from tablecloud.rest.messages import Request
        from tablecloud.rest.pages import PageQueue
        from tablecloud.rest.retry import RetryPolicy, attempt
        from tablecloud.rest.transport import Call, Transport, TransportSettings
        queue = PageQueue()
        with Transport(TransportSettings(), lambda request: request) as transport:
            for _ in range(50):
                transport.start(attempt(Request(http="GET", url=sys.argv[1]), RetryPolicy()), sink=queue)
            try:
                queue.get()
            except KeyboardInterrupt:
                queue.cancel()
                print("interrupted")
    """
    with HttpServer(lambda seen: Reply(delay=60)) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), server.url], stdout=subprocess.PIPE, text=True
        )
        assert server.wait_until(lambda s: s.in_flight == 50)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)
        assert (output, process.returncode) == ("interrupted\n", 0)
        assert server.wait_until(lambda s: s.open_connections == 0)


def test_every_call_ends_whatever_threads_do_to_it() -> None:
    transport = Transport(TransportSettings(concurrency=10), as_is)
    calls: list[Call[Response]] = []

    def use(number: int) -> None:
        for turn in range(40):
            try:
                call = transport.start(attempt(get(f"{server.url}/items?delay=0.002"), QUICK))
            except Cancelled:
                return
            calls.append(call)
            if (turn + number) % 3 == 0:
                call.cancel()
            if number == 0 and turn == 30:
                transport.close()

    with HttpServer(respond_by_query()) as server:
        threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        transport.close()
        outcomes = [_outcome(call) for call in calls]
    assert len(outcomes) > 30 and set(outcomes) <= {"200", "cancelled"}


def _outcome(call: Call[Response]) -> str:
    try:
        return str(call.result(10).status)
    except Cancelled:
        return "cancelled"


# No answer: what kind, and whether it was sent.


def failure_of(transport: Transport, request: Request) -> TransportFailure:
    with pytest.raises(TransportFailure) as caught:
        transport.start(once(request)).result(20)
    return caught.value


def test_nobody_listens(transport: Transport) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        failure = failure_of(transport, get(f"http://127.0.0.1:{bound.getsockname()[1]}/"))
    assert (failure.kind, failure.sent) == ("connect", False)


def test_no_such_host(transport: Transport) -> None:
    failure = failure_of(transport, get("http://no-such-host.invalid/"))
    assert failure.kind in ("dns", "connect") and not failure.sent


def test_a_url_that_is_none(transport: Transport) -> None:
    failure = failure_of(transport, get("ftp://127.0.0.1/x"))
    assert (failure.kind, failure.sent) == ("request", False)


@pytest.mark.parametrize("switch", [{"reset": True}, {"cut": True, "body": b"x" * 1000}])
def test_a_broken_connection(transport: Transport, switch: dict) -> None:
    with HttpServer(lambda seen: Reply(**switch)) as server:
        failure = failure_of(transport, get(server.url))
    assert (failure.kind, failure.sent) == ("reset", True)


@pytest.mark.parametrize("switch", [{"delay": 60.0}, {"stall": True, "body": b"x" * 1000}])
def test_a_time_out_after_sending(switch: dict) -> None:
    settings = TransportSettings(total_seconds=0.3)
    with HttpServer(lambda seen: Reply(**switch)) as server, Transport(settings, as_is) as transport:
        transport.start(once(get(server.url)))
        failure = failure_of(transport, get(server.url))
    assert (failure.kind, failure.sent) == ("timeout", True)


def test_a_time_out_while_connecting() -> None:
    with socket.socket() as listening:
        # A full backlog: the kernel drops further connection requests.
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        settings = TransportSettings(connect_seconds=0.3)
        with Transport(settings, as_is) as transport:
            failure = failure_of(transport, get(f"http://127.0.0.1:{address[1]}/"))
        for filler in fillers:
            filler.close()
    assert (failure.kind, failure.sent) == ("connect", False)


@pytest.mark.parametrize(
    "request_",
    [get("http://größe.test/"), get("http://127.0.0.1:1/", headers=(("X-A", "größe"),)), get("http://")],
)
def test_a_request_that_cannot_be_spelled(transport: Transport, request_: Request) -> None:
    failure = failure_of(transport, request_)
    assert (failure.kind, failure.sent) == ("request", False)


def test_an_answer_over_the_limit() -> None:
    with (
        HttpServer(lambda seen: Reply(body=b"x" * 100_000)) as server,
        Transport(TransportSettings(response_limit=50_000), as_is) as transport,
    ):
        failure = failure_of(transport, get(server.url))
    assert (failure.kind, failure.sent) == ("size", True)


@pytest.mark.parametrize("body", [b'{"a":1}', None])
def test_a_mutation_is_never_sent_twice(transport: Transport, body: bytes | None) -> None:
    # libcurl sends again by itself when a kept connection is closed as the next request comes.

    def respond(seen: Seen) -> Reply:
        return Reply(reset=seen.http == "POST")

    with HttpServer(respond) as server:
        for _ in range(3):
            transport.start(once(get(server.url))).result(10)
        with pytest.raises(RemoteUnavailable) as caught:
            transport.start(attempt(post(server.url, body), QUICK)).result(10)
        assert [seen.http for seen in server.seen].count("POST") == 1
    assert caught.value.sent


def test_a_read_on_a_stale_connection_succeeds(transport: Transport) -> None:
    with HttpServer(lambda seen: Reply(close=True)) as server:
        for _ in range(5):
            assert transport.start(attempt(get(server.url), QUICK)).result(10).status == 200


# Redirects.


def test_credentials_do_not_follow_to_another_origin() -> None:
    def authorize(request: Request) -> Request:
        return Request(http="GET", url=request.url, headers=(("Authorization", "Bearer t"),))

    with (
        HttpServer(lambda seen: Reply()) as other,
        HttpServer(
            lambda seen: Reply(
                status=302, headers={"Location": "/here" if seen.path == "/" else f"{other.url}/there"}
            )
        ) as server,
        Transport(TransportSettings(), authorize) as transport,
    ):
        assert transport.start(attempt(get(f"{server.url}/"), QUICK)).result(10).status == 200
        assert [seen.path for seen in server.seen] == ["/", "/here"]
        assert all("authorization" in seen.headers for seen in server.seen)
        assert "authorization" not in other.seen[0].headers


# Tokens.


def test_one_exchange_serves_all_waiting_calls() -> None:
    token: list[str] = []

    def fetch():
        response = yield Send(Request(http="POST", url=f"{server.url}/token", body=b"", anonymous=True))
        token.append(response.body.decode())

    def authorize(request: Request) -> Request | Exchange:
        if not token:
            return Exchange("key", fetch)
        return Request(http="GET", url=request.url, headers=(("Authorization", token[0]),))

    def respond(seen: Seen) -> Reply:
        return Reply(body=b"t0k", delay=0.05) if seen.path == "/token" else Reply()

    with HttpServer(respond) as server, Transport(TransportSettings(), authorize) as transport:
        calls = [transport.start(once(get(f"{server.url}/x"))) for _ in range(10)]
        assert all(call.result(10).status == 200 for call in calls)
        assert [seen.path for seen in server.seen].count("/token") == 1
        assert all(seen.headers["authorization"] == "t0k" for seen in server.seen[1:])


def test_a_failed_exchange_fails_the_calls_that_wait_for_it() -> None:
    def fetch():
        yield Pause(0.01)
        raise CredentialError("no")

    with Transport(TransportSettings(), lambda request: Exchange("key", fetch)) as transport:
        for call in [transport.start(once(get("http://127.0.0.1:9/"))) for _ in range(3)]:
            with pytest.raises(CredentialError):
                call.result(10)


def test_a_credential_error_ends_the_call_before_it_is_sent() -> None:
    def authorize(request: Request) -> Request:
        raise CredentialError("missing")

    with HttpServer(lambda seen: Reply()) as server, Transport(TransportSettings(), authorize) as transport:
        with pytest.raises(CredentialError):
            transport.start(attempt(get(server.url), QUICK)).result(10)
        assert server.seen == []


# Faults in callers' code.


def test_a_conversation_that_breaks_ends_its_own_call_only(transport: Transport) -> None:
    def broken():
        yield Pause(0)
        raise ZeroDivisionError

    with HttpServer(lambda seen: Reply()) as server:
        with pytest.raises(ZeroDivisionError):
            transport.start(broken()).result(10)
        assert transport.start(once(get(server.url))).result(10).status == 200


def test_progress_and_exchanges_are_told() -> None:
    told: list[str] = []
    logged: list[tuple[str, int]] = []

    def conversation():
        yield Tell(Progress(method_id="m", target="t", word="RUNNING", seconds=0))
        response = yield Send(get(server.url))
        yield Emit(Page(body=response.body, arguments={}))
        return 7

    settings = TransportSettings(
        on_exchange=lambda request, outcome: logged.append((request.http, outcome.status))
    )
    with HttpServer(lambda seen: Reply()) as server, Transport(settings, as_is) as transport:
        call = transport.start(conversation(), on_progress=lambda progress: told.append(progress.word))
        assert call.result(10) == 7
    assert told == ["RUNNING"] and logged == [("GET", 200)]


def test_a_log_that_breaks_fails_the_call_and_nothing_else() -> None:
    def log(request: Request, outcome: object) -> None:
        raise BrokenPipeError

    with (
        HttpServer(lambda seen: Reply()) as server,
        Transport(TransportSettings(on_exchange=log), as_is) as transport,
    ):
        for _ in range(2):
            with pytest.raises(BrokenPipeError):
                transport.start(once(get(server.url))).result(10)


# Proxies and TLS.


def test_a_proxy_is_used_but_not_for_loopback() -> None:
    with HttpServer(lambda seen: Reply()) as proxy, HttpServer(lambda seen: Reply()) as server:
        settings = TransportSettings(proxy=proxy.url, proxy_user="u", proxy_password="p")
        with Transport(settings, as_is) as transport:
            transport.start(once(get("http://service.test/x"))).result(10)
            transport.start(once(get(server.url))).result(10)
        assert [seen.target for seen in proxy.seen] == ["http://service.test/x"]
        assert proxy.seen[0].headers["proxy-authorization"].startswith("Basic ")
        assert len(server.seen) == 1


def test_many_calls_over_tls_do_not_wait_for_each_other(tls: Tls) -> None:
    settings = TransportSettings(ca_bundle=str(tls.bundle))
    with (
        HttpServer(lambda seen: Reply(delay=60 if seen.path == "/wait" else 0), tls=tls.server) as server,
        Transport(settings, as_is) as transport,
    ):
        transport.start(once(get(server.url))).result(10)
        for _ in range(20):
            transport.start(once(get(f"{server.url}/wait")))
        assert server.wait_until(lambda s: s.in_flight == 20)


def test_a_host_over_tls_is_not_stormed_before_it_answers(tls: Tls) -> None:
    settings = TransportSettings(ca_bundle=str(tls.bundle))
    release = threading.Event()

    def respond(seen: Seen) -> Reply:
        return Reply(delay=0 if release.is_set() else 0.2)

    with HttpServer(respond, tls=tls.server) as server, Transport(settings, as_is) as transport:
        calls = [transport.start(once(get(server.url))) for _ in range(20)]
        assert server.wait_until(lambda s: len(s.seen) == 8)
        assert server.most_in_flight == 8
        release.set()
        for call in calls:
            assert call.result(10).status == 200


@pytest.mark.skipif(shutil.which("node") is None, reason="node is the HTTP/2 server")
def test_http2_carries_many_calls_over_few_connections(tls: Tls, tmp_path: Path) -> None:
    with (
        http2_server(tls, tmp_path) as url,
        Transport(TransportSettings(ca_bundle=str(tls.bundle)), as_is) as transport,
    ):
        bodies = [transport.start(once(get(url))).result(10).body for _ in range(2)]
        calls = [transport.start(once(get(url))) for _ in range(100)]
        bodies += [call.result(10).body for call in calls]
        sent = transport.start(once(post(url, b"x" * 100_000))).result(10).body
        lost = failure_of(transport, get(f"{url}/reset"))
    # The server answers: version, number of its connections, bytes of the body.
    assert {body.split()[0] for body in bodies} == {b"2.0"}
    assert int(bodies[-1].split()[1]) <= 2
    assert sent.split()[2] == b"100000"
    assert (lost.kind, lost.sent) == ("reset", True)


def test_certificates_are_checked(tls: Tls) -> None:
    with HttpServer(lambda seen: Reply(), tls=tls.server) as server:
        with Transport(TransportSettings(ca_bundle=str(tls.bundle)), as_is) as transport:
            assert transport.start(once(get(server.url))).result(10).status == 200
        with Transport(TransportSettings(), as_is) as transport:
            failure = failure_of(transport, get(server.url))
            assert (failure.kind, failure.sent) == ("tls", False)
        with Transport(TransportSettings(allow_insecure=True), as_is) as transport:
            assert transport.start(once(get(server.url))).result(10).status == 200
