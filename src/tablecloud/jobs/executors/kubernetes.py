"""Run attempts as Jobs of a Kubernetes cluster, on a state root that the server and all pods mount.

What happened is read from the attempt's folder; the API is asked which pods may still write there. One watch
of Jobs and one of pods serve all attempts. Contract: ml-jobs-service 5.3 (Kubernetes). Needs the extra
`kubernetes`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors import Ref, attempt_folder, cluster
from tablecloud.jobs.executors import kubernetes_objects as objects
from tablecloud.jobs.executors.cluster import Outlook
from tablecloud.jobs.executors.kubernetes_mirror import Mirror, documents
from tablecloud.jobs.executors.kubernetes_objects import Document, KubernetesSettings
from tablecloud.jobs.model import AttemptSpec, Observation, Reason

_GONE_SECONDS = 3.0
_REQUEST_SECONDS = 10.0
_WATCH_SECONDS = 30
"""After how long the API ends a watch that is to be asked for again."""
_SILENT_SECONDS = _WATCH_SECONDS + 10.0
"""After how long without a word a watch is given up: its connection is gone."""
_OURS = ",".join(f"{name}={value}" for name, value in objects.MANAGED.items())


class KubernetesExecutor:
    """Runs attempts in a Kubernetes cluster.

    Parameters:
        root: the state root, at the same path here and in every pod.

    Raises:
        ExecutorError: the client library is not installed, or finds no cluster to speak to.
    """

    name = "kubernetes"

    def __init__(self, root: Path, settings: KubernetesSettings) -> None:
        self._root = root.absolute()
        self._settings = settings
        self._batch, self._core = _connect(settings.context)
        self._jobs = self._mirror("jobs", self._batch.list_namespaced_job)
        self._pods = self._mirror("pods", self._core.list_namespaced_pod)

    def plan_ref(self, spec: AttemptSpec) -> Ref:
        """Name the folder and the objects of an attempt. Pure."""
        return {**cluster.plan_ref(spec, self.name), "namespace": self._settings.namespace}

    def start(self, spec: AttemptSpec, ref: Ref) -> None:
        """Create the Service and the Jobs of an attempt; what exists already is adopted.

        Raises:
            ExecutorError: the folder cannot be written, or the API refuses.
        """
        attempt_folder.check_ref(ref, self.name)
        placed = cluster.substitute(spec, objects.addresses(ref))
        if not cluster.prepare(self._root, placed, ref):
            return
        namespace = ref["namespace"]
        self._call(self._core.create_namespaced_service, namespace, objects.service(ref), ignore=409)
        for job in objects.jobs(placed, ref, self._settings, str(self._root)):
            self._call(self._batch.create_namespaced_job, namespace, job, ignore=409)

    def observe(self, ref: Ref) -> Observation:
        """Say what is known of an attempt.

        Raises:
            ExecutorError: the API does not answer; nothing is known then.
        """
        attempt_folder.check_ref(ref, self.name)
        return cluster.observe(ref, lambda names: self._look(ref, names))

    def stop(self, ref: Ref) -> None:
        """Begin the stop sequence: the supervisors see it in their folders within a second.

        Raises:
            ExecutorError: the request cannot be written.
        """
        attempt_folder.check_ref(ref, self.name)
        cluster.stop(ref)

    def cleanup(self, ref: Ref) -> None:
        """Delete the Jobs, their pods and the Service, and wait until they are gone.

        Raises:
            ExecutorError: some pods are still there, such as those of a node that does not answer.
        """
        attempt_folder.check_ref(ref, self.name)
        cluster.fence(ref)
        self._delete(ref)
        until = time.monotonic() + _GONE_SECONDS
        while left := self._left(ref):
            if time.monotonic() > until:
                raise ExecutorError(
                    f"pods of attempt {ref['attempt_id']} are still there: {', '.join(left)}",
                    hint="they go when their node answers, or when its Node object is deleted",
                )
            time.sleep(0.05)
        cluster.tidy(ref)

    def _delete(self, ref: Ref) -> None:
        namespace = ref["namespace"]
        options = {"propagationPolicy": "Foreground"}
        for role in objects.roles_of(ref):
            name = objects.object_name(ref, role)
            self._call(self._batch.delete_namespaced_job, name, namespace, body=options, ignore=404)
        name = objects.object_name(ref)
        self._call(self._core.delete_namespaced_service, name, namespace, ignore=404)
        # The grace is over: the supervisors were asked to end by `stop`, or will never answer.
        for pod in self._pods_of(ref):
            name, now = pod["metadata"]["name"], {"gracePeriodSeconds": 1}
            self._call(self._core.delete_namespaced_pod, name, namespace, body=now, ignore=404)

    def _left(self, ref: Ref) -> list[str]:
        """Return the names of the Jobs and pods of an attempt that exist."""
        return [one["metadata"]["name"] for one in (*self._jobs_of(ref), *self._pods_of(ref))]

    def _jobs_of(self, ref: Ref) -> list[Document]:
        return self._list(self._batch.list_namespaced_job, _of(ref), ref["namespace"])[0]

    def _pods_of(self, ref: Ref) -> list[Document]:
        return self._list(self._core.list_namespaced_pod, _of(ref), ref["namespace"])[0]

    def _look(self, ref: Ref, names: frozenset[str]) -> Outlook:
        """Return what the API says of an attempt; what the watches do not know is asked for once more."""
        attempt = ref["attempt_id"]
        # Jobs before pods: a Job that ends in between still counts as one whose pods may run.
        jobs, pods = self._jobs.look(), self._pods.look()
        outlook = _outlook(ref, _with_label(jobs, attempt), _with_label(pods, attempt))
        if names <= outlook.alive:
            return outlook
        jobs = self._jobs_of(ref)
        return _outlook(ref, jobs, self._pods_of(ref))

    def _mirror(self, kind: str, method: Callable[..., Any]) -> Mirror:
        namespace = self._settings.namespace
        return Mirror(
            f"kubernetes-{kind}",
            lambda: self._list(method, _OURS, namespace),
            lambda version: _events(method, namespace, version),
        )

    def _list(self, method: Callable[..., Any], selector: str, namespace: str) -> tuple[list[Document], str]:
        return documents(self._call(method, namespace, label_selector=selector))

    def _call(self, method: Callable[..., Any], *args: Any, ignore: int = 0, **options: Any) -> Any:
        """Call the API and return the body of its answer; `ignore` is a status that is no error here.

        Raises:
            ExecutorError: it refused, or did not answer.
        """
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            # Raw answers: those that are used are small parts of documents that cost much to model.
            answer = method(*args, _request_timeout=_REQUEST_SECONDS, _preload_content=False, **options)
            status, body = answer.status, answer.data
        except ApiException as error:
            status, body = error.status, error.body
        except HTTPError as error:
            raise ExecutorError(
                f"Kubernetes does not answer: {type(error).__name__}",
                hint="the jobs go on; the service asks again",
            ) from error
        if status >= 400 and status != ignore:
            raise ExecutorError(f"Kubernetes refused {method.__name__}: {_reason(status, body)}")
        return body


def _connect(context: str) -> tuple[Any, Any]:
    """Return the API's two clients."""
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise ExecutorError(
            "the executor 'kubernetes' needs the Kubernetes client, which is not installed",
            hint="pip install 'tablecloud[kubernetes]'",
        ) from error
    settings = client.Configuration()
    try:
        try:
            if context:
                raise config.ConfigException
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException:
            config.load_kube_config(
                config_file=os.environ.get("KUBECONFIG"),  # the library reads it when it is imported
                context=context or None,
                client_configuration=settings,
            )
    except config.ConfigException as error:
        raise ExecutorError(
            f"there is no cluster to speak to: {error}",
            hint="set KUBECONFIG, name a context with --kubernetes-context, or run inside a cluster",
        ) from error
    settings.retries = 2
    connection = client.ApiClient(settings)
    return client.BatchV1Api(connection), client.CoreV1Api(connection)


def _reason(status: int, body: str | bytes | None) -> str:
    """Return the API's own message, which says more than its status."""
    try:
        return str(json.loads(body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {status}"


def _of(ref: Ref) -> str:
    return f"{objects.ATTEMPT_LABEL}={ref['attempt_id']}"


def _with_label(items: list[Document], attempt: str) -> list[Document]:
    return [one for one in items if one["metadata"].get("labels", {}).get(objects.ATTEMPT_LABEL) == attempt]


def _events(method: Callable[..., Any], namespace: str, version: str) -> Iterator[bytes]:
    """Give the lines of one watch, until the API ends it."""
    answer = method(
        namespace,
        label_selector=_OURS,
        watch=True,
        resource_version=version,
        allow_watch_bookmarks=True,
        timeout_seconds=_WATCH_SECONDS,
        _request_timeout=(_REQUEST_SECONDS, _SILENT_SECONDS),
        _preload_content=False,
    )
    try:
        yield from answer
    finally:
        answer.release_conn()


def _outlook(ref: Ref, jobs: list[Document], pods: list[Document]) -> Outlook:
    """Return what the API's objects mean for the replicas of an attempt."""
    working = {job["metadata"]["labels"][objects.ROLE_LABEL] for job in jobs if _may_begin(job)}
    # A replica without a pod will get one as long as its Job works; one with a pod is what the pod is.
    alive = {name for name in ref["replicas"] if name.partition("-replica-")[0] in working}
    for pod in pods:
        (alive.discard if objects.is_over(pod) else alive.add)(objects.replica_of(pod))
    trouble = next(filter(None, map(objects.image_trouble, pods)), "")
    words = [*map(objects.why_over, filter(objects.is_over, pods)), *map(objects.why_job_failed, jobs)]
    return Outlook(
        alive=frozenset(alive),
        out_of_memory=frozenset(objects.replica_of(pod) for pod in pods if objects.ran_out_of_memory(pod)),
        failed=Reason.IMAGE_FAILED if trouble else None,
        detail=trouble or next(filter(None, words), ""),
    )


def _may_begin(job: Document) -> bool:
    return not objects.job_is_over(job) and "deletionTimestamp" not in job["metadata"]
