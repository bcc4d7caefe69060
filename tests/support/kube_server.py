"""A Kubernetes API server, Job controller and node in one process, keeping the rules that matter to a client.

Names are unique (409), every change gets a new resourceVersion and is told to who watches (410 where the
versions are forgotten), deletion with finalizers or a grace period takes time, a Job's pods hold a finalizer
until the Job has counted them. Pods are processes of this machine; images and volumes are taken for granted
unless a test says otherwise.
"""

from __future__ import annotations

import copy
import json
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tablecloud.jobs.executors.shim import proc

Object = dict[str, Any]
Event = tuple[int, str, str, Object]
"""Version, kind, type and the object as it was then."""
INDEX = "batch.kubernetes.io/job-completion-index"
TRACKING = "batch.kubernetes.io/job-tracking"
FOREGROUND = "foregroundDeletion"
KINDS = {"services": ("v1", "Service"), "pods": ("v1", "Pod"), "jobs": ("batch/v1", "Job")}
PREFIXES = {"services": "/api/v1", "pods": "/api/v1", "jobs": "/apis/batch/v1"}


class Refusal(Exception):
    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.document = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }


class KubeServer:
    """`url` answers while the server is open; `config` writes a kubeconfig file that points at it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.change = threading.Condition(self.lock)
        self.history: list[Event] = []
        self.generation = 0
        self.broken = -1
        self.closing = False
        self.watches = 0
        """How many are open."""
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.version = 100
        self.requests: list[str] = []
        self.broken_image = ""
        """Images of this name cannot be pulled."""
        self.held = False
        """No pod gets a node."""
        self.no_watch = False
        """The account may list, but not watch."""
        self.quota = ""
        """Why no further Job is accepted."""
        self.silent = False
        """The API answers nobody."""
        self.dead_nodes = False
        """Pods cannot be ended: their node does not answer."""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._serve = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._serve.start()

    def close(self) -> None:
        self.held, self.dead_nodes, self.closing = True, False, True
        for name in list(self.processes):
            self.kill(name)
        for thread in self._threads:
            thread.join(10)
        self._http.shutdown()
        self._serve.join()
        self._http.server_close()

    def config(self, folder: Path) -> Path:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "secret-of-the-cluster"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path = folder / "kubeconfig.json"
        path.write_text(json.dumps(document))
        return path

    # What tests look at and what they do to pods.

    def names(self, kind: str) -> list[str]:
        with self.lock:
            return sorted(name for found, _, name in self.objects if found == kind)

    def get(self, kind: str, name: str) -> Object:
        with self.lock:
            return copy.deepcopy(next(v for (k, _, n), v in self.objects.items() if (k, n) == (kind, name)))

    def evict(self, name: str) -> None:
        """Drain the pod's node: a condition, then a deletion with the pod's own grace."""
        with self.lock:
            pod = self._named("pods", name)
            condition = {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting",
            }
            pod["status"].setdefault("conditions", []).append(condition)
            self._changed(pod)
            self.delete("pods", pod["metadata"]["namespace"], name, {})

    def run_out_of_memory(self, name: str) -> None:
        """Kill everything of a pod as the kernel does when its memory is used up."""
        with self.lock:
            self._named("pods", name)["out of memory"] = True
        self.kill(name)

    def lose_node(self, name: str) -> None:
        """Take a pod away without a word, as when its node is deleted."""
        self.kill(name)
        with self.lock:
            pod = self._named("pods", name)
            pod["metadata"]["finalizers"] = []
            self._remove("pods", pod)

    def kill(self, name: str) -> None:
        process = self.processes.get(name)
        if process is not None:
            below = proc.descendants(process.pid)
            for pid in (process.pid, *below):
                proc.send(pid, signal.SIGKILL)

    # The API.

    def create(self, kind: str, namespace: str, body: Object) -> Object:
        with self.lock:
            name = body["metadata"]["name"]
            if (kind, namespace, name) in self.objects:
                raise Refusal(409, "AlreadyExists", f'{kind} "{name}" already exists')
            if kind == "jobs" and self.quota:
                raise Refusal(403, "Forbidden", self.quota)
            made = copy.deepcopy(body)
            made["apiVersion"], made["kind"] = KINDS[kind]
            made["metadata"] |= {
                "namespace": namespace,
                "uid": str(uuid.uuid4()),
                "creationTimestamp": _now(),
            }
            made.setdefault("status", {})
            self.objects[kind, namespace, name] = made
            self._changed(made)
            if kind == "jobs":
                self._make_pods(made)
            return made

    def read(self, kind: str, namespace: str, name: str) -> Object:
        with self.lock:
            if (kind, namespace, name) not in self.objects:
                raise Refusal(404, "NotFound", f'{kind} "{name}" not found')
            return self.objects[kind, namespace, name]

    def list(self, kind: str, namespace: str, selector: str) -> Object:
        with self.lock:
            version, word = KINDS[kind]
            items = [
                one
                for (found, where, _), one in sorted(self.objects.items(), key=lambda pair: pair[0])
                if (found, where) == (kind, namespace) and _selected(one, selector)
            ]
            metadata = {"resourceVersion": str(self.version)}
            return {"apiVersion": version, "kind": f"{word}List", "metadata": metadata, "items": items}

    def delete(self, kind: str, namespace: str, name: str, options: Object) -> Object:
        with self.lock:
            found = self.read(kind, namespace, name)
            wanted = options.get("preconditions", {}).get("uid")
            if wanted and wanted != found["metadata"]["uid"]:
                raise Refusal(409, "Conflict", "the UID in the precondition is another one")
            if kind == "pods":
                self._delete_pod(found, options.get("gracePeriodSeconds"))
            elif kind == "jobs":
                self._delete_job(found, options.get("propagationPolicy", "Background"))
            else:
                self._remove(kind, found)
            return found

    def _changed(self, one: Object) -> None:
        self.version += 1
        metadata = one["metadata"]
        first = "resourceVersion" not in metadata
        metadata["resourceVersion"] = str(self.version)
        kind = one["kind"].lower() + "s"
        there = (kind, metadata["namespace"], metadata["name"]) in self.objects
        told = "DELETED" if not there else "ADDED" if first else "MODIFIED"
        self.history.append((self.version, kind, told, copy.deepcopy(_visible(one))))
        self.change.notify_all()

    def forget(self) -> None:
        """End every watch, and compact the store: none can go on where it was."""
        with self.lock:
            self.version += 2
            self.history = [(self.version, "", "", {})]
            self.generation += 1
            self.change.notify_all()

    def cut(self) -> None:
        """Break every watch, as a load balancer does."""
        with self.lock:
            self.broken = self.generation
            self.generation += 1
            self.change.notify_all()

    def watch(self, kind: str, namespace: str, query: dict[str, str]) -> Iterator[Object]:
        """Give the events after a version until the time is over; one bookmark at the end."""
        version, generation = int(query["resourceVersion"]), self.generation
        until = time.monotonic() + int(query.get("timeoutSeconds", 3600))
        while time.monotonic() < until and not self.closing:
            with self.lock:
                if self.generation != generation:
                    if self.broken == generation:
                        raise ConnectionAbortedError
                    break
                if self.history and version < self.history[0][0] - 1:
                    gone = Refusal(410, "Expired", f"too old resource version: {version}")
                    yield {"type": "ERROR", "object": gone.document}
                    return
                news = [event for event in self.history if event[0] > version]
                if not news:
                    self.change.wait(0.05)
            for number, found, told, one in news:
                version = number
                where = one.get("metadata", {}).get("namespace")
                if (found, where) == (kind, namespace) and _selected(one, query.get("labelSelector", "")):
                    yield {"type": told, "object": one}
        if query.get("allowWatchBookmarks") in ("true", "True"):
            metadata = {"resourceVersion": str(version), "creationTimestamp": None}
            yield {"type": "BOOKMARK", "object": {"kind": KINDS[kind][1], "metadata": metadata}}

    def _remove(self, kind: str, one: Object) -> None:
        metadata = one["metadata"]
        if self.objects.pop((kind, metadata["namespace"], metadata["name"]), None) is None:
            return
        self._changed(one)
        for owner in metadata.get("ownerReferences", ()):
            self._collect(metadata["namespace"], owner["name"])

    def _named(self, kind: str, name: str) -> Object:
        return next(v for (k, _, n), v in self.objects.items() if (k, n) == (kind, name))

    # The Job controller and the garbage collector.

    def _make_pods(self, job: Object) -> None:
        spec = job["spec"]
        assert spec["completionMode"] == "Indexed" and spec["backoffLimit"] == 0
        job["status"] = {"active": spec["parallelism"]}
        for index in range(spec["completions"]):
            template = copy.deepcopy(spec["template"])
            environment = template["spec"]["containers"][0].setdefault("env", [])
            environment.append({"name": "JOB_COMPLETION_INDEX", "value": str(index)})
            metadata = template["metadata"] | {
                "name": f"{job['metadata']['name']}-{index}-{uuid.uuid4().hex[:5]}",
                "annotations": {INDEX: str(index)},
                "finalizers": [TRACKING],
                "ownerReferences": [_owner(job)],
            }
            pod = {"metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}}
            made = self.create("pods", job["metadata"]["namespace"], pod)
            thread = threading.Thread(target=self._run_pod, args=(made,))
            self._threads.append(thread)
            thread.start()

    def _count(self, pod: Object) -> None:
        """Let a pod's Job take note of its end; then the pod may go, and the Job may be over."""
        [owner] = pod["metadata"]["ownerReferences"]
        job = self.objects.get(("jobs", pod["metadata"]["namespace"], owner["name"]))
        if job is not None and not _conditions(job):
            good = pod["status"]["phase"] == "Succeeded"
            status = job["status"]
            status["active"] -= 1
            status["succeeded" if good else "failed"] = status.get("succeeded" if good else "failed", 0) + 1
            if not good:
                self._finish(
                    job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
                )
                for sibling in self._pods_of(job):
                    if sibling is not pod and sibling["status"]["phase"] not in ("Succeeded", "Failed"):
                        self._delete_pod(sibling, None)
            elif status["succeeded"] == job["spec"]["completions"]:
                self._finish(job, "Complete", "", "")
        pod["metadata"]["finalizers"] = []
        self._changed(pod)
        if "deletionTimestamp" in pod["metadata"]:
            self._remove("pods", pod)

    def _finish(self, job: Object, kind: str, reason: str, message: str) -> None:
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        job["status"].setdefault("conditions", []).append(condition)
        self._changed(job)

    def _pods_of(self, job: Object) -> list[Object]:
        name = job["metadata"]["name"]
        return [
            one
            for (kind, _, _), one in self.objects.items()
            if kind == "pods" and one["metadata"]["ownerReferences"][0]["name"] == name
        ]

    def _delete_job(self, job: Object, policy: str) -> None:
        job["metadata"].setdefault("deletionTimestamp", _now())
        pods = self._pods_of(job)
        if policy == "Foreground" and pods:
            job["metadata"]["finalizers"] = [FOREGROUND]
            self._changed(job)
        else:
            self._remove("jobs", job)
        if policy != "Orphan":
            for pod in pods:
                self._delete_pod(pod, None)

    def _collect(self, namespace: str, name: str) -> None:
        job = self.objects.get(("jobs", namespace, name))
        waits = job is not None and FOREGROUND in job["metadata"].get("finalizers", ())
        if job is not None and waits and not self._pods_of(job):
            self._remove("jobs", job)

    # The node.

    def _delete_pod(self, pod: Object, grace: int | None) -> None:
        own = pod["spec"].get("terminationGracePeriodSeconds", 30)
        seconds = own if grace is None else grace
        first = "deletionTimestamp" not in pod["metadata"]
        until = time.monotonic() + seconds
        pod["metadata"].setdefault("deletionTimestamp", _now())
        pod["kill at"] = min(until, pod.get("kill at", until))
        self._changed(pod)
        process = self.processes.get(pod["metadata"]["name"])
        if pod["status"]["phase"] in ("Succeeded", "Failed") and not pod["metadata"]["finalizers"]:
            self._remove("pods", pod)
        elif first and process is not None and not self.dead_nodes:
            process.send_signal(signal.SIGTERM)

    def _run_pod(self, pod: Object) -> None:
        """Be the node of one pod, from its scheduling to its end."""
        container = pod["spec"]["containers"][0]
        while self.held or container["image"] == self.broken_image:
            with self.lock:
                if "deletionTimestamp" in pod["metadata"] or not self._http_is_open():
                    self._end_pod(pod, 137)
                    return
                if not self.held and not pod["status"].get("containerStatuses"):
                    waiting = {"reason": "ImagePullBackOff", "message": f"cannot pull {container['image']}"}
                    pod["status"]["containerStatuses"] = [{"name": "replica", "state": {"waiting": waiting}}]
                    self._changed(pod)
            time.sleep(0.01)
        process = self._start_container(pod, container)
        if process is None:
            return
        while (status := process.poll()) is None:
            if not self.dead_nodes and time.monotonic() > pod.get("kill at", float("inf")):
                self.kill(pod["metadata"]["name"])
            time.sleep(0.005)
        with self.lock:
            self._end_pod(pod, status)

    def _http_is_open(self) -> bool:
        return self._serve.is_alive()

    def _start_container(self, pod: Object, container: Object) -> subprocess.Popen[bytes] | None:
        with self.lock:
            if "deletionTimestamp" in pod["metadata"]:
                self._end_pod(pod, 137)
                return None
            environment = {one["name"]: one["value"] for one in container["env"]}
            command = [_expand(word, environment) for word in container["command"]]
            process = subprocess.Popen(
                command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL
            )
            self.processes[pod["metadata"]["name"]] = process
            pod["status"]["phase"] = "Running"
            running = {"state": {"running": {"startedAt": _now()}}, "name": "replica"}
            pod["status"]["containerStatuses"] = [running]
            self._changed(pod)
            return process

    def _end_pod(self, pod: Object, status: int) -> None:
        memory = pod.get("out of memory", False)
        code = status if status >= 0 else 128 - status
        reason = "OOMKilled" if memory else "Completed" if code == 0 else "Error"
        pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
        ended = {"terminated": {"exitCode": code, "reason": reason}}
        pod["status"]["containerStatuses"] = [{"name": "replica", "state": ended}]
        self.processes.pop(pod["metadata"]["name"], None)
        if ("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) in self.objects:
            self._changed(pod)
            self._count(pod)


def _conditions(job: Object) -> list[Object]:
    found: list[Object] = job["status"].get("conditions", [])
    return found


def _owner(job: Object) -> Object:
    metadata = job["metadata"]
    identity = {"name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "controller": True,
        "blockOwnerDeletion": True,
        **identity,
    }


def _selected(one: Object, selector: str) -> bool:
    labels = one["metadata"].get("labels", {})
    pairs = (pair.split("=", 1) for pair in selector.split(",") if pair)
    return all(labels.get(name) == value for name, value in pairs)


def _expand(word: str, environment: dict[str, str]) -> str:
    for name, value in environment.items():
        word = word.replace(f"$({name})", value)
    return word


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _visible(one: Object) -> Object:
    return {key: value for key, value in one.items() if key not in ("kill at", "out of memory")}


def _handler(server: KubeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_DELETE(self) -> None:
            self._answer("DELETE")

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.requests.append(f"{method} {self.path}")
            if server.silent:
                self.close_connection = True
                return
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            try:
                kind, namespace, name = _route(url.path)
                if query.get("watch") in ("true", "True"):
                    self._watch(kind, namespace, query)
                    return
                with server.lock:
                    document = _do(server, method, kind, namespace, name, query, json.loads(body or b"{}"))
                    data = json.dumps(document).encode()
                self._reply(201 if method == "POST" else 200, data)
            except Refusal as refusal:
                self._reply(refusal.document["code"], json.dumps(refusal.document).encode())

        def _watch(self, kind: str, namespace: str, query: dict[str, str]) -> None:
            if server.no_watch:
                raise Refusal(403, "Forbidden", f'{kind} is forbidden: cannot watch resource "{kind}"')
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with server.lock:
                server.watches += 1
            try:
                for event in server.watch(kind, namespace, query):
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True
            finally:
                with server.lock:
                    server.watches -= 1

        def _reply(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _route(path: str) -> tuple[str, str, str]:
    for kind, prefix in PREFIXES.items():
        parts = path.removeprefix(prefix).strip("/").split("/")
        if (
            path.startswith(prefix + "/")
            and len(parts) >= 3
            and parts[0] == "namespaces"
            and parts[2] == kind
        ):
            return kind, parts[1], parts[3] if len(parts) > 3 else ""
    raise Refusal(404, "NotFound", f"the server could not find the requested resource {path}")


def _do(
    server: KubeServer, method: str, kind: str, namespace: str, name: str, query: dict[str, str], body: Object
) -> Object:
    if method == "POST":
        return _visible(server.create(kind, namespace, body))
    if method == "DELETE":
        grace = query.get("gracePeriodSeconds")
        options = body | ({"gracePeriodSeconds": int(grace)} if grace else {})
        return _visible(server.delete(kind, namespace, name, options))
    if name:
        return _visible(server.read(kind, namespace, name))
    found = server.list(kind, namespace, query.get("labelSelector", ""))
    return found | {"items": [_visible(one) for one in found["items"]]}
