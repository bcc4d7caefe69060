"""Measure the HTTP face of the job service: durable creates a second, and a page out of a long list.

    python benchmarks/job_api.py [--rows 100000] [--creates 4000] [--connections 32]

The server is a process of its own (uvicorn on loopback), the client another. The baseline is the same server
process answering a constant, so what is left is the cost of the API itself.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

TOKEN = "benchmark"
TRAINING = {
    "scaleTier": "BASIC",
    "region": "us-central1",
    "runtimeVersion": "2.11",
    "pythonVersion": "3.7",
    "packageUris": ["gs://bucket/trainer.tar.gz"],
    "pythonModule": "trainer.task",
    "args": ["--steps", "100"],
}


# The server.


class Idle:
    """An executor and a log that do nothing, so that only the API and the store are measured."""

    name = "idle"

    def plan_ref(self, *_):
        """Name nothing."""
        return {}

    def observe(self, *_):
        """See an attempt that never gets going."""
        from tablecloud.jobs.model import Observation

        return Observation(replicas=())

    def start(self, *_):
        """Do nothing, as the others below."""

    stop = cleanup = append = start

    def read(self, *_):
        """Return no lines."""
        return []

    tail = read


def whole_machine(_job):
    from tablecloud.jobs.layout import Requirement

    return Requirement(cpus=1e9, memory_bytes=0)


def empty_attempt(job, attempt, token):
    from tablecloud.jobs.model import AttemptSpec

    return AttemptSpec(
        uid=job.uid,
        attempt=attempt,
        token=token,
        project=job.project,
        job_id=job.job_id,
        job={},
        folder="/nowhere",
    )


def serve(port: int, rows: int) -> None:
    import uvicorn

    from tablecloud.jobs.api.app import create_app
    from tablecloud.jobs.api.principals import local_principals
    from tablecloud.jobs.attempts import Layout
    from tablecloud.jobs.model import NewJob
    from tablecloud.jobs.service import JobService
    from tablecloud.jobs.settings import ServiceSettings

    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        service = JobService(
            ServiceSettings(root=Path(folder) / "root"),
            executor=Idle(),
            layout=Layout(build=empty_attempt, requirements=whole_machine),
            open_log=lambda _: Idle(),
        )
        service.start()
        document = {"trainingInput": TRAINING}
        futures = [
            service.create(
                NewJob(project="long", job_id=f"j{n}", document=document, labels={"n": str(n % 10)})
            )
            for n in range(rows)
        ]
        for future in futures:
            future.result()
        app = create_app(service, principals=local_principals(TOKEN))
        uvicorn.run(with_constant(app), port=port, log_level="warning", lifespan="off", access_log=False)
        service.stop()


def with_constant(app):
    """Answer `/constant` before the application sees it."""

    async def served(scope, receive, send):
        if scope["path"] != "/constant":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"{}\n"})

    return served


# The client.


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def complete(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    length = next(
        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    return len(body) >= length


def drive(port: int, requests: list[bytes], connections: int) -> tuple[float, list[float]]:
    """Send all requests over keep-alive connections; return the seconds taken and each latency."""
    selector, todo, latencies = selectors.DefaultSelector(), iter(requests), []
    open_count = 0

    def send_next(state) -> bool:
        nonlocal open_count
        following = next(todo, None)
        if following is None:
            selector.unregister(state["socket"])
            state["socket"].close()
            open_count -= 1
            return False
        state["at"], state["data"] = time.perf_counter(), b""
        state["socket"].sendall(following)
        return True

    started = time.perf_counter()
    for _ in range(min(connections, len(requests))):
        state = {"socket": socket.create_connection(("127.0.0.1", port)), "at": 0.0, "data": b""}
        state["socket"].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(state["socket"], selectors.EVENT_READ, state)
        open_count += 1
        send_next(state)
    while open_count:
        for key, _ in selector.select():
            state = key.data
            state["data"] += state["socket"].recv(1 << 20)
            if complete(state["data"]):
                if b" 200 " not in state["data"][:20]:
                    raise SystemExit(state["data"].decode())
                latencies.append(time.perf_counter() - state["at"])
                send_next(state)
    return time.perf_counter() - started, latencies


def report(name: str, seconds: float, latencies: list[float]) -> None:
    ordered = sorted(latencies)
    print(
        f"{name:44} {len(ordered) / seconds:8.0f}/s   median {statistics.median(ordered) * 1e3:7.2f} ms"
        f"   p99 {ordered[int(len(ordered) * 0.99)] * 1e3:7.2f} ms",
        flush=True,
    )


def wait_until_up(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--creates", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.rows)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, __file__, "--serve", str(port), "--rows", str(options.rows)])
    try:
        wait_until_up(port)
        measure(port, options)
    finally:
        server.terminate()
        server.wait()


def measure(port: int, options: argparse.Namespace) -> None:
    many, n = options.connections, options.creates
    creates = [
        request(
            "POST",
            "/v1/projects/p/jobs",
            msgspec.json.encode({"jobId": f"job_{i}", "trainingInput": TRAINING}),
        )
        for i in range(n + 200)
    ]
    report(f"constant, {many} connections (baseline)", *drive(port, [request("GET", "/constant")] * n, many))
    report("create, 1 connection", *drive(port, creates[n:], 1))
    report(f"create, {many} connections", *drive(port, creates[:n], many))
    jobs = "/v1/projects/long/jobs"
    middle = msgspec.json.decode(fetch(port, f"{jobs}?pageSize=100"))["nextPageToken"]
    for name, path in (
        ("get", f"{jobs}/j5"),
        (f"list of 20 out of {options.rows}", jobs),
        (f"list of 100 out of {options.rows}", f"{jobs}?pageSize=100"),
        ("  compact", f"{jobs}?pageSize=100&prettyPrint=false"),
        ("  next page", f"{jobs}?pageSize=100&pageToken={middle}"),
        ("  filter, one in ten", f"{jobs}?pageSize=100&filter=labels.n=3"),
    ):
        report(name, *drive(port, [request("GET", path)] * 100, 1))
    report("filter that matches nothing", *drive(port, [request("GET", f"{jobs}?filter=jobId:zzz")] * 2, 1))


def fetch(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request("GET", path))
        data = b""
        while not complete(data):
            data += connection.recv(1 << 20)
    return data.partition(b"\r\n\r\n")[2]


if __name__ == "__main__":
    main()
