"""Run one attempt from its preparation to `exit.json`; `main` is the supervisor's program."""

from __future__ import annotations

import json
import os
import select
import signal
import time

from .accelerators import hand_out, take
from .folder import EXIT, LOG, SPEC, STATE, STOP, claim, replace, take_lock, wake
from .output import SegmentLog, Stream, now
from .proc import descendants, identity, kernel_kills, memory_of, send
from .program import Process, adopt_orphans, hold_ports, signal_group, spawn

TYPE_CHECKING = False  # `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

_TURN_SECONDS = 0.5
_MEMORY_SECONDS = 1.0
_DRAIN_SECONDS = 1.0
_ACCELERATOR_SECONDS = 0.05


class Attempt:
    """The attempt of one folder: runs it from preparation to `exit.json`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        with open(self._path(SPEC), encoding="utf-8") as file:
            self.spec = json.load(file)
        self._steps = [Process(step) for step in self.spec["prepare"]]
        self._replicas = [Process(replica) for replica in self.spec["replicas"]]
        self._log = SegmentLog(self._path(LOG), self.spec["log_limit_bytes"])
        self._streams: dict[int, Stream] = {}
        self._poll = select.poll()
        self._identity = identity(os.getpid())
        self._signalled_at: float | None = None
        self._terminated = False
        self._failed: str | None = None
        self._detail = ""
        self._kernel_kills = kernel_kills()
        self._next_memory_check = 0.0
        self._accelerators: dict[str, int] = {}
        """Name and open lock of those that are ours; they are freed by the end of this process."""

    def run(self) -> None:
        """Run everything; return when nothing of it is left and the log is complete."""
        self._listen()
        try:
            self._publish()
            self._prepare()
            self._start()
            self._supervise()
        except Exception as error:
            self._fail("internal", f"the supervisor failed: {type(error).__name__}: {error}")
            raise
        finally:
            self._end()
            self._drain()
            self._log.finish()
            self._write_exit()

    def _listen(self) -> None:
        """Have every signal of interest wake the poll."""
        inside, outside = os.pipe()
        for fd in (inside, outside):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.set_wakeup_fd(outside, warn_on_full_buffer=False)
        self._alarm = inside
        self._poll.register(inside, select.POLLIN)

    def _on_terminate(self, *_: object) -> None:
        self._terminated = True

    def _prepare(self) -> None:
        for notice in self.spec["notices"]:
            self._log.say("service", notice, "W")
        for step in self._steps:
            if self._over():
                return
            streams = self._launch(step, task="service")
            while step.running and not self._stopping():
                self._turn(_TURN_SECONDS)
            if step.broken:
                self._pump_all()
                last = next((s.last_line for s in reversed(streams) if s.last_line), b"no word")
                self._fail("install_failed", last.decode("utf-8", "replace"))

    def _start(self) -> None:
        self._take_accelerators()
        if self._over():
            return
        held = hold_ports(self.spec["port_mark"], self._replicas)
        for replica in self._replicas:
            held.pop(replica.name).close()
            self._log.say(replica.name, "Running command: " + _one_line(["python3", *replica.argv[1:]]))
            self._launch(replica, task=replica.name)
            if self._over():
                return
        self._publish()

    def _take_accelerators(self) -> None:
        """Wait for as many as the replicas ask for; admission sees to it that they are about to be free."""
        shared = self.spec.get("accelerators")
        if not shared:
            return
        wanted = min(sum(replica.accelerators for replica in self._replicas), len(shared["names"]))
        while not self._over():
            taken = take(shared["folder"], shared["names"], wanted)
            if taken is not None:
                self._accelerators = taken
                hand_out(list(taken), self._replicas)
                return
            self._turn(_ACCELERATOR_SECONDS)

    def _launch(self, process: Process, task: str) -> list[Stream]:
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        streams = [Stream(out, task, "I"), Stream(err, task, "E")]
        try:
            spawn(process, out_end, err_end)
        except OSError as error:
            self._fail("internal", f"cannot start {process.name}: {error.strerror}: {error.filename}")
        finally:
            os.close(out_end)
            os.close(err_end)
        for stream in streams:
            self._streams[stream.fd] = stream
            self._poll.register(stream.fd, select.POLLIN)
        return streams

    def _supervise(self) -> None:
        """Wait until the primary ended, another replica broke, or a stop was asked for."""
        primary = self._replicas[0]
        while primary.running and not self._over() and not any(r.broken for r in self._replicas):
            self._turn(_TURN_SECONDS)
            self._check_memory()

    def _turn(self, seconds: float) -> None:
        """Wait for output, an exit or a signal, and deal with what came."""
        for fd, _ in self._poll.poll(seconds * 1000):
            if fd == self._alarm:
                _empty(fd)
            else:
                self._pump(self._streams[fd])
        self._reap()

    def _pump(self, stream: Stream) -> bool:
        """Move one read of a stream to the log; say whether there may be more."""
        more = stream.pump(self._log)
        if more is False:
            self._poll.unregister(stream.fd)
            os.close(stream.fd)
            del self._streams[stream.fd]
        return more is True

    def _pump_all(self) -> None:
        """Move what the pipes hold now, giving a pipe that never empties a second."""
        until = time.monotonic() + _DRAIN_SECONDS
        for stream in list(self._streams.values()):
            while self._pump(stream) and time.monotonic() < until:
                pass

    def _drain(self) -> None:
        """Empty the pipes for good. All writers are dead, so what they hold now is all there will ever be."""
        self._pump_all()
        for stream in self._streams.values():
            stream.flush(self._log)
        for replica in self._replicas:
            if replica.exit_code == 0:
                self._log.say(replica.name, "Module completed; cleaning up.\nClean up finished.")

    def _reap(self) -> bool:
        """Take down every exit there is; say whether the kernel knows of no child any more."""
        tracked = {process.pid: process for process in (*self._steps, *self._replicas) if process.running}
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return False
                if pid in tracked:
                    self._note_exit(tracked[pid], status)
        except ChildProcessError:
            return True

    def _note_exit(self, process: Process, status: int) -> None:
        process.note_exit(status)
        if process.signal == signal.SIGKILL and not process.stopped:
            process.out_of_memory |= kernel_kills() > self._kernel_kills
        self._write(STATE)

    def _check_memory(self) -> None:
        if time.monotonic() < self._next_memory_check:
            return
        self._next_memory_check = time.monotonic() + _MEMORY_SECONDS
        for replica in self._replicas:
            if replica.running and replica.memory_bytes and not replica.out_of_memory:
                self._check_memory_of(replica)

    def _check_memory_of(self, replica: Process) -> None:
        tree = [replica.pid, *descendants(replica.pid)]
        used = memory_of(tree, replica.memory_bytes)
        if used <= replica.memory_bytes:
            return
        replica.out_of_memory = True
        sizes = f"{used / 2**30:.2f} GiB of {replica.memory_bytes / 2**30:.2f} GiB"
        self._log.say(replica.name, f"The replica ran out of memory: it used {sizes}.", "E")
        for pid in tree:
            send(pid, signal.SIGKILL)

    def _over(self) -> bool:
        """Say whether nothing more is to be started."""
        return self._failed is not None or self._stopping()

    def _stopping(self) -> bool:
        """Say whether a stop was asked for, noting when it was first seen."""
        if self._signalled_at is None and (self._terminated or os.path.exists(self._path(STOP))):
            self._reap()  # an exit that already happened was the program's own
            self._signalled_at = now()
        return self._signalled_at is not None

    def _end(self) -> None:
        """TERM, grace, KILL; over when the kernel says that no child is left, adopted ones included."""
        self._reap()
        running = [process for process in (*self._steps, *self._replicas) if process.running]
        for process in running:
            process.stopped = True
            signal_group(process.pid, signal.SIGTERM)
        until = time.monotonic() + self.spec["grace_seconds"]
        while any(process.running for process in running) and time.monotonic() < until:
            self._turn(min(_TURN_SECONDS, max(0.0, until - time.monotonic())))
            self._stopping()
        while not self._reap():
            for pid in descendants(os.getpid()):
                send(pid, signal.SIGKILL)
            self._turn(0.01)

    def _fail(self, reason: str, detail: str) -> None:
        self._log.say("service", detail, "E")
        self._failed, self._detail = reason, detail

    def _document(self) -> dict[str, Any]:
        return {
            "attempt_id": self.spec["attempt_id"],
            "token": self.spec["token"],
            "shim": self._identity,
            "replicas": [replica.document() for replica in self._replicas],
            "signalled_at": self._signalled_at,
            "stop_asked": os.path.exists(self._path(STOP)),
            "failed": self._failed,
            "detail": self._detail,
        }

    def _publish(self) -> None:
        """Write the state and tell the server to look."""
        self._write(STATE)
        wake(self.spec["wake"])

    def _write(self, name: str, sync: bool = False) -> bool:
        """Replace a file of the folder by the state as it is; say whether that worked."""
        try:
            replace(self._path(name), json.dumps(self._document()).encode(), sync=sync)
        except OSError:
            return False
        return True

    def _write_exit(self) -> None:
        """Write the end. While the disk is full the lock stays held: the attempt is not taken for lost."""
        while not self._write(EXIT, sync=True):
            time.sleep(_TURN_SECONDS)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _one_line(argv: list[str]) -> str:
    return " ".join(argv).replace("\n", "\\n")


def _empty(fd: int) -> None:
    try:
        while os.read(fd, 512):
            pass
    except BlockingIOError:
        pass


def main(folder: str) -> None:
    """Run the attempt of a folder, unless it was begun already."""
    os.chdir(folder)  # else it would keep the server's folder busy
    lock = take_lock(folder)
    if lock is None:
        return
    attempt = Attempt(folder)
    if not claim(folder, attempt.spec["token"]):
        return
    adopt_orphans()
    try:
        attempt.run()
    finally:
        # Free first, then wake: the server must not find the lock still held.
        os.close(lock)
        wake(attempt.spec["wake"])
