"""The storage face over HTTP, by hand: what clients of Google's do not ask for, and what nobody should."""

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
import uvicorn
from api_bench import TOKEN, ApiBench

from tablecloud.jobs.api.app import create_app
from tablecloud.jobs.api.principals import Principals, local_principals
from tablecloud.jobs.api.roles import Binding


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
    (made.service.settings.root / "gcs" / "bucket").mkdir(parents=True)
    yield made
    made.close()


@pytest.fixture
def serve(bench):
    started = []

    def start(principals: Principals | None = None) -> int:
        app = create_app(bench.service, principals=principals or bench.api.principals)
        server = Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        started.append((server, thread))
        assert server.listening.wait(10)
        return server.servers[0].sockets[0].getsockname()[1]

    yield start
    for server, thread in started:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def port(serve) -> int:
    return serve()


def send(port, method, path, body=None, *, token=TOKEN, **headers):
    """Return status, headers and body of an exchange."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    connection.request(method, path, body, sent)
    reply = connection.getresponse()
    found = reply.status, reply.headers, reply.read()
    connection.close()
    return found


def upload(port, name, body=b"content", query="", **headers):
    path = f"/upload/storage/v1/b/bucket/o?uploadType=media&name={quote(name, safe='')}{query}"
    return send(port, "POST", path, body, **headers)


def test_reading_as_the_xml_api_does(port):
    upload(port, "dir/a b.html", b"<script>", Content_Type="text/html")
    status, headers, body = send(port, "GET", "/bucket/dir/a%20b.html", Range="bytes=1-3")
    assert (status, body, headers["Content-Range"]) == (206, b"scr", "bytes 1-3/8")
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["Content-Type"] == "text/html"
    status, headers, body = send(port, "HEAD", "/bucket/dir/a%20b.html")
    assert (status, headers["Content-Length"], body) == (200, "8", b"")
    assert send(port, "GET", "/bucket/none")[0] == 404
    assert send(port, "GET", "/bucket/dir/a%20b.html", token=None)[0] == 403


def test_links_for_bearers(port):
    made = json.loads(upload(port, "a")[2])
    path = made["mediaLink"].partition("//")[2].partition("/")[2]
    assert send(port, "GET", f"/{path}")[2] == b"content"


@pytest.mark.parametrize("name", ["../../token", "a/../../x", "/etc/passwd", ".", "a//b"])
def test_names_that_lead_out(bench, port, name):
    status, _, body = upload(port, name)
    assert status == 400, body
    assert send(port, "GET", f"/storage/v1/b/bucket/o/{quote(name, safe='')}?alt=media")[0] in (400, 404)
    assert not list((bench.service.settings.root / "gcs" / "bucket").rglob("*"))


@pytest.mark.parametrize("bucket", ["..", "%2e%2e", ".uploads", "bucket%2f..", "%ff"])
def test_buckets_that_are_none(port, bucket):
    assert send(port, "GET", f"/storage/v1/b/{bucket}/o")[0] in (400, 404)


def begin(port, name="big", **query):
    path = f"/upload/storage/v1/b/bucket/o?uploadType=resumable&name={name}"
    path += "".join(f"&{key}={value}" for key, value in query.items())
    status, headers, body = send(port, "POST", path, b"{}", Content_Type="application/json")
    assert status == 200, body
    return headers["Location"].partition("//")[2].partition("/")[2]


def test_a_resumable_upload_by_hand(port):
    path = f"/{begin(port)}"
    status, headers, _ = send(port, "PUT", path, b"01234", token=None, Content_Range="bytes 0-4/*")
    assert (status, headers["Range"]) == (308, "bytes=0-4")
    status, headers, _ = send(port, "PUT", path, b"", token=None, Content_Range="bytes */*")
    assert (status, headers["Range"]) == (308, "bytes=0-4")
    assert send(port, "PUT", path, b"x", token=None, Content_Range="bytes 9-9/10")[0] == 400
    status, _, body = send(port, "PUT", path, b"3456789", token=None, Content_Range="bytes 3-9/10")
    assert (status, json.loads(body)["size"]) == (200, "10")
    assert send(port, "PUT", path, b"", token=None, Content_Range="bytes */10")[0] == 200
    assert send(port, "GET", "/bucket/big")[2] == b"0123456789"


def test_a_resumable_upload_is_cancelled(port):
    path = f"/{begin(port)}"
    assert send(port, "DELETE", path, token=None)[0] == 499
    assert send(port, "PUT", path, b"x", token=None)[0] == 404
    assert send(port, "PUT", path.replace("upload_id=", "upload_id=x"), b"x", token=None)[0] == 404


def test_a_client_that_goes_away_leaves_no_object(bench, port):
    path = "/upload/storage/v1/b/bucket/o?uploadType=media&name=half"
    resumable = f"/{begin(port, 'half')}"
    for method, target in (("POST", path), ("PUT", resumable)):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            connection.sendall(f"{head}Content-Length: 100\r\n\r\nhalf".encode())
    assert send(port, "GET", "/bucket/half")[0] == 404
    assert send(port, "PUT", resumable, b"", Content_Range="bytes */100")[0] == 308


def test_refusals_are_documents(port):
    for method, path, code in (
        ("GET", "/storage/v1/b/bucket/o/none", 404),
        ("GET", "/storage/v1/b/none/o", 404),
        ("PUT", "/storage/v1/b", 405),
        ("GET", "/storage/v1/nothing", 404),
        ("GET", "/storage/v1/b/bucket/o?maxResults=x", 400),
        ("GET", "/storage/v1/b/bucket/o?pageToken=%21", 400),
        ("GET", "/storage/v1/b/bucket/o?matchGlob=a", 501),
        ("POST", "/upload/storage/v1/b/bucket/o?uploadType=strange&name=a", 400),
        ("POST", "/upload/storage/v1/b/bucket/o?uploadType=media", 400),
        ("POST", "/upload/storage/v1/b/none/o?uploadType=media&name=a", 404),
        ("POST", "/batch/storage/v1", 400),
    ):
        status, _, body = send(port, method, path)
        assert (status, json.loads(body)["error"]["code"]) == (code, code), path


def test_not_modified_and_preconditions(port):
    generation = json.loads(upload(port, "a")[2])["generation"]
    path = "/storage/v1/b/bucket/o/a"
    assert send(port, "GET", f"{path}?ifGenerationNotMatch={generation}")[0] == 304
    assert send(port, "GET", f"{path}?ifGenerationMatch=1")[0] == 412
    assert send(port, "GET", f"{path}?generation=1")[0] == 404
    assert upload(port, "a", query="&ifGenerationMatch=0")[0] == 412


def test_who_may_run_jobs_may_use_the_buckets(serve):
    tokens = {"ann-token": "user:ann@example.com", "vic-token": "user:vic@example.com"}
    members: dict[bytes, str] = {}
    for token, member in tokens.items():
        members |= dict.fromkeys(local_principals(token).members, member)
    bindings = (
        Binding(role="roles/ml.developer", members=("user:ann@example.com",)),
        Binding(role="roles/ml.viewer", members=("user:vic@example.com",)),
    )
    port = serve(Principals(members=members, bindings={"demo": bindings}))
    assert send(port, "GET", "/storage/v1/b", token="ann-token")[0] == 200
    status, _, body = send(port, "GET", "/storage/v1/b", token="vic-token")
    assert (status, b"vic@example.com" in body) == (403, True)
    assert send(port, "GET", "/storage/v1/b", token="other")[0] == 401
    assert send(port, "GET", "/storage/v1/b", token=None)[0] == 403
    assert send(port, "GET", "/storage/v1/b", token=None, Authorization="Basic !")[0] == 403
