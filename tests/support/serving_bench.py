"""A service behind real HTTP on loopback, for tests with real clients."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tablecloud.jobs.api.app import create_app
from tablecloud.jobs.api.principals import Principals
from tablecloud.jobs.service import JobService


class Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"


@contextmanager
def serving(service: JobService, principals: Principals) -> Iterator[str]:
    """Serve from a thread, and give the address."""
    app = create_app(service, principals=principals)
    server = Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.listening.wait(10)
    yield server.url
    server.should_exit = True
    thread.join(10)
