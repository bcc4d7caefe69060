"""The program that Ray runs for an attempt of several replicas: an actor for each, all placed or none.

It is copied into the attempt's folder and runs under the cluster's own interpreter, so it imports nothing
but the standard library and Ray. Every actor runs one supervisor and waits for it. The attempt's end is the
server's to decide; it is told of an actor that died by a file, `gone`, in its replica's folder.
"""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

GONE = "gone"
ORDER = "driver.json"


def main(home: str) -> None:
    """Run the replicas that `driver.json` lists, until all of their supervisors have ended."""
    import ray
    from ray.util.placement_group import placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    order = json.loads(Path(home, ORDER).read_bytes())
    ray.init(log_to_driver=False)
    group = placement_group([replica["bundle"] for replica in order["replicas"]], strategy="PACK")
    ray.get(group.ready())
    actor = ray.remote(Replica)
    actors = {}
    for place, replica in enumerate(order["replicas"]):
        strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=place)
        cpus = replica["bundle"]["CPU"]
        actors[replica["name"]] = actor.options(num_cpus=cpus, scheduling_strategy=strategy).remote()
    addresses = dict(zip(actors, ray.get([one.reserve.remote() for one in actors.values()]), strict=True))
    for replica in order["replicas"]:
        fill_in(replica["folder"], order["token"], addresses)
    running = {
        actors[replica["name"]].run.remote(replica["argv"], order["environment"]): replica["folder"]
        for replica in order["replicas"]
    }
    while running:
        [ended], _ = ray.wait(list(running), num_returns=1)
        folder = running.pop(ended)
        try:
            ray.get(ended)
        except ray.exceptions.RayError as error:
            say_gone(folder, str(error))


class Replica:
    """One replica, where Ray has put it."""

    def reserve(self) -> tuple[str, int]:
        """Return an address for the replica to listen on, held until it starts."""
        import ray

        self._held = socket.socket()
        self._held.bind(("", 0))
        return ray.util.get_node_ip_address(), self._held.getsockname()[1]

    def run(self, argv: list[str], environment: dict[str, str]) -> None:
        """Run a supervisor to its end; it ends with this process, whatever happens to it."""
        self._held.close()
        subprocess.run(argv, env=environment, preexec_fn=_end_with_parent, check=False)


def fill_in(folder: str, token: str, addresses: dict[str, tuple[str, int]]) -> None:
    """Put the replicas' addresses into the environments of a folder's `spec.json`."""
    path = Path(folder, "spec.json")
    spec: dict[str, Any] = json.loads(path.read_bytes())
    for replica in spec["replicas"]:
        for key, value in replica["environment"].items():
            for name, (host, port) in addresses.items():
                mark = f"@{token}:{name}@"
                value = value.replace(f"localhost:{mark}", f"{host}:{port}").replace(mark, str(port))
            replica["environment"][key] = value
    _replace(path, json.dumps(spec))


def say_gone(folder: str, why: str) -> None:
    """Tell the server that nothing will be heard of a replica any more."""
    _replace(Path(folder, GONE), why)


def _replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    main(sys.argv[1])
