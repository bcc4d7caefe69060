"""Measures fan-out: 1,000 calls of 50 ms at 200 in flight, against the ideal and a bare CurlMulti loop.

    python benchmarks/fanout.py [--calls 1000] [--concurrency 200] [--delay 0.05] [--rounds 5]

The server is another process. `ideal` is calls / concurrency * delay. Medians of rounds, run in turns.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pycurl

from tablecloud.rest.messages import Request
from tablecloud.rest.pages import CallEnded, PageQueue
from tablecloud.rest.retry import RetryPolicy, attempt
from tablecloud.rest.transport import Transport, TransportSettings

SERVER = Path(__file__).parent.parent / "tests" / "support" / "http_server.py"


def run_transport(transport: Transport, url: str, calls: int) -> float:
    """Make the calls through the transport; return the seconds."""
    queue, policy = PageQueue(), RetryPolicy()
    request = Request(http="GET", url=url)
    start = time.perf_counter()
    for _ in range(calls):
        transport.start(attempt(request, policy), sink=queue)
    ended = 0
    while ended < calls:
        arrival = queue.get(30)
        if not isinstance(arrival, CallEnded) or arrival.error is not None:
            raise SystemExit(f"a call failed: {arrival}")
        ended += 1
    return time.perf_counter() - start


def run_bare(multi: pycurl.CurlMulti, url: str, calls: int, concurrency: int) -> float:
    """Make the calls with a plain loop over CurlMulti, what `curl --parallel` does; return the seconds."""
    idle = [pycurl.Curl() for _ in range(concurrency)]
    for handle in idle:
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.WRITEFUNCTION, len)
    left = calls
    running = 0
    start = time.perf_counter()
    while left or running:
        while left and idle:
            multi.add_handle(idle.pop())
            left, running = left - 1, running + 1
        multi.perform()
        _, good, bad = multi.info_read()
        if bad:
            raise SystemExit(f"a call failed: {bad[0][2]}")
        for handle in good:
            multi.remove_handle(handle)
            idle.append(handle)
            running -= 1
        if running:
            multi.select(1.0)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.delay <= 0:
        parser.error("the delay must be more than 0: the ideal is made of it")
    server = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        url = f"{server.stdout.readline().strip()}/items?size=10&delay={options.delay}"
        report(measure(url, options), options)
    finally:
        server.kill()
        server.wait()


def measure(url: str, options: argparse.Namespace) -> tuple[list[float], list[float], float]:
    """Return seconds of both clients by round, and processor seconds a round of ours."""
    ours, bare = [], []
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, options.concurrency)
    with Transport(TransportSettings(concurrency=options.concurrency), lambda request: request) as transport:
        run_transport(transport, url, options.concurrency)
        run_bare(multi, url, options.concurrency, options.concurrency)
        used = 0.0
        for _ in range(options.rounds):
            before = time.process_time()
            ours.append(run_transport(transport, url, options.calls))
            used += time.process_time() - before
            bare.append(run_bare(multi, url, options.calls, options.concurrency))
    return ours, bare, used / options.rounds


def report(measured: tuple[list[float], list[float], float], options: argparse.Namespace) -> None:
    ours, bare = statistics.median(measured[0]), statistics.median(measured[1])
    ideal = options.calls / options.concurrency * options.delay
    print(f"{options.calls} calls of {options.delay * 1000:g} ms, {options.concurrency} in flight")
    print(f"  ideal       {ideal:.3f} s")
    print(f"  transport   {ours:.3f} s   {ours / ideal:.2f} x ideal   {ours / bare:.2f} x bare CurlMulti")
    print(f"  CurlMulti   {bare:.3f} s   {bare / ideal:.2f} x ideal")
    print(f"  processor   {measured[2] / options.calls * 1e6:.0f} us a call")


if __name__ == "__main__":
    main()
