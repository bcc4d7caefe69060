"""The Kubernetes objects of an attempt: one headless Service, one Indexed Job for each role. Pure.

Names derive from the attempt, so creating them twice is refused by the API and taken for an adoption.
Contract: ml-jobs-service 5.3 (Kubernetes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tablecloud.jobs.executors import Ref, attempt_folder
from tablecloud.jobs.model import AttemptSpec, ReplicaSpec

Document = dict[str, Any]

PORT = 2222
"""Of every replica: each has an address of its own."""
ATTEMPT_LABEL = "tablecloud.dev/attempt"
ROLE_LABEL = "tablecloud.dev/role"
INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
MANAGED = {"app.kubernetes.io/managed-by": "tablecloud"}

_DEADLINE_MARGIN = 600
_GRACE_MARGIN = 15
_IMAGE_TROUBLES = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """Where and as what attempts run in a cluster."""

    image: str
    """Has this very installation of Tablecloud and its interpreter at the same paths: the server's own."""
    volume: str = ""
    """Name of the PersistentVolumeClaim that holds the state root; empty where nodes have it mounted."""
    namespace: str = "default"
    context: str = ""
    """Of the kubeconfig file; empty is its current one, or the pod's own account inside a cluster."""
    service_account: str = ""
    """The account of the pods; empty is the namespace's default. Its token is not mounted."""
    most_cpus: float | None = None
    """What one replica asks for at most; larger machine types are cut to it."""


def object_name(ref: Ref, role: str = "") -> str:
    """Return the name of an attempt's Service, or of the Job of a role."""
    uid, _, attempt = ref["attempt_id"].rpartition("-")
    name = f"ml-{uid}-a{attempt}"
    return f"{name}-{role}" if role else name


def roles_of(ref: Ref) -> dict[str, int]:
    """Return the roles of an attempt with their number of replicas, the primary's first."""
    counts: dict[str, int] = {}
    for name in ref["replicas"]:
        role = name.partition("-replica-")[0]
        counts[role] = counts.get(role, 0) + 1
    return counts


def addresses(ref: Ref) -> dict[str, tuple[str, int]]:
    """Return the host and port of every replica, as the headless Service names its pod."""
    service = object_name(ref)
    found = {}
    for name in ref["replicas"]:
        role, _, index = name.partition("-replica-")
        found[name] = (f"{object_name(ref, role)}-{index}.{service}", PORT)
    return found


def service(ref: Ref) -> Document:
    """Return the headless Service that gives every replica a name, before it is ready as well."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": object_name(ref), "labels": _labels(ref)},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {ATTEMPT_LABEL: ref["attempt_id"]},
            "ports": [{"name": "replica", "port": PORT}],
        },
    }


def jobs(spec: AttemptSpec, ref: Ref, settings: KubernetesSettings, root: str) -> list[Document]:
    """Return the Jobs of an attempt, the primary's first."""
    grouped: dict[str, list[ReplicaSpec]] = {}
    for replica in spec.replicas:
        grouped.setdefault(replica.role, []).append(replica)
    return [_job(spec, ref, settings, root, role, replicas) for role, replicas in grouped.items()]


def _job(
    spec: AttemptSpec,
    ref: Ref,
    settings: KubernetesSettings,
    root: str,
    role: str,
    replicas: Sequence[ReplicaSpec],
) -> Document:
    labels = {**_labels(ref), ROLE_LABEL: role}
    body: Document = {
        "completionMode": "Indexed",
        "completions": len(replicas),
        "parallelism": len(replicas),
        # What is tried again is the whole attempt, and that is the scheduler's to say.
        "backoffLimit": 0,
        "template": {
            "metadata": {"labels": labels},
            "spec": _pod(spec, ref, settings, root, role, replicas[0]),
        },
    }
    if (seconds := _run_seconds(spec.job)) is not None:
        # The scheduler ends late jobs; this is for the case that it is not there to do so.
        body["activeDeadlineSeconds"] = int(seconds + _DEADLINE_MARGIN)
    metadata = {
        "name": object_name(ref, role),
        "labels": labels,
        "annotations": {"tablecloud.dev/job": f"projects/{spec.project}/jobs/{spec.job_id}"},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": body}


def _pod(
    spec: AttemptSpec, ref: Ref, settings: KubernetesSettings, root: str, role: str, replica: ReplicaSpec
) -> Document:
    folder = f"{ref['folder']}/replicas/{role}-replica-$(JOB_COMPLETION_INDEX)"
    environment = attempt_folder.supervisor_environment(spec.attempt_id)
    resources = _resources(replica, settings)
    pod: Document = {
        "restartPolicy": "Never",
        "subdomain": object_name(ref),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # The supervisor needs the program's grace and some time to write down how it ended.
        "terminationGracePeriodSeconds": int(spec.grace_seconds) + _GRACE_MARGIN,
        "containers": [
            {
                "name": "replica",
                "image": settings.image,
                "command": attempt_folder.supervisor_argv(ref["folder"], folder),
                "env": [{"name": name, "value": value} for name, value in environment.items()],
                "resources": resources,
            }
        ],
    }
    if settings.service_account:
        pod["serviceAccountName"] = settings.service_account
    if settings.volume:
        pod["volumes"] = [{"name": "state", "persistentVolumeClaim": {"claimName": settings.volume}}]
    else:
        pod["volumes"] = [{"name": "state", "hostPath": {"path": root, "type": "Directory"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "state", "mountPath": root}]
    return pod


def _resources(replica: ReplicaSpec, settings: KubernetesSettings) -> Document:
    cpus = replica.cpus if settings.most_cpus is None else min(replica.cpus, settings.most_cpus)
    requests = {"cpu": f"{round(cpus * 1000)}m"}
    if not replica.memory_bytes:
        return {"requests": requests}
    share = cpus / replica.cpus if replica.cpus else 1.0
    memory = str(round(replica.memory_bytes * share))
    return {"requests": {**requests, "memory": memory}, "limits": {"memory": memory}}


def _labels(ref: Ref) -> dict[str, str]:
    return {**MANAGED, ATTEMPT_LABEL: ref["attempt_id"]}


def _run_seconds(job: Mapping[str, Any]) -> float | None:
    """Return `scheduling.maxRunningTime` of a training job, which is text such as `7200s`."""
    told = job.get("trainingInput", {}).get("scheduling", {}).get("maxRunningTime", "")
    return float(told[:-1]) if re.fullmatch(r"\d+(\.\d+)?s", told) else None


def replica_of(pod: Document) -> str:
    """Return the name of the replica that a pod runs."""
    metadata = pod["metadata"]
    role = metadata.get("labels", {}).get(ROLE_LABEL, "")
    return f"{role}-replica-{metadata.get('annotations', {}).get(INDEX_ANNOTATION, '')}"


def is_over(pod: Document) -> bool:
    """Whether a pod's container has ended for good. One that is only being deleted may still run."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def ran_out_of_memory(pod: Document) -> bool:
    """Whether the node ended a pod's container because it used more memory than it may."""
    return any(
        status.get("state", {}).get("terminated", {}).get("reason") == "OOMKilled"
        for status in pod.get("status", {}).get("containerStatuses") or ()
    )


def image_trouble(pod: Document) -> str:
    """Say why a pod's image cannot be used; empty where nothing is known to be wrong with it."""
    for status in pod.get("status", {}).get("containerStatuses") or ():
        waiting = status.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _IMAGE_TROUBLES:
            return f"{waiting['reason']}: {waiting.get('message') or status.get('image', '')}"
    return ""


def why_over(pod: Document) -> str:
    """Say how a pod ended, in Kubernetes' words."""
    status = pod.get("status", {})
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            words = f"{condition.get('reason', '')}. {condition.get('message', '')}".strip()
            return f"its pod was disrupted: {words}"
    return ": ".join(filter(None, [status.get("reason", ""), status.get("message", "")]))


def job_is_over(job: Document) -> bool:
    """Whether a Job has ended: only these two conditions are final."""
    conditions = job.get("status", {}).get("conditions") or ()
    return any(c.get("type") in ("Complete", "Failed") and c.get("status") == "True" for c in conditions)


def why_job_failed(job: Document) -> str:
    """Say why a Job failed, in Kubernetes' words; empty where it did not."""
    for condition in job.get("status", {}).get("conditions") or ():
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            return ": ".join(filter(None, [condition.get("reason", ""), condition.get("message", "")]))
    return ""
