"""The credential that a job has for the storage face, as a part of its STORAGE_EMULATOR_HOST. Pure.

Clients that are pointed at an emulator by that variable send no credential of their own, but they turn the
user part of the address into Basic authorization. So a job gets `http://<uid>:<secret>@host:port`, where the
secret is made of the server's token and the job's uid: nothing is stored, nothing is shared between jobs,
and it ends with the job.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from urllib.parse import quote, urlsplit

from tablecloud.jobs.model import AttemptSpec
from tablecloud.jobs.settings import ServiceSettings

CLIENT_SETTINGS = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
"""What else the environment of a job tells clients: gcsfs would ask Google about the layout of a bucket."""


def with_storage(spec: AttemptSpec, settings: ServiceSettings) -> AttemptSpec:
    """Return an attempt whose replicas reach the storage face; the attempt itself where nothing serves it."""
    if not settings.url:
        return spec
    address = job_address(settings.url, settings.storage_key, spec.uid)
    added = {"STORAGE_EMULATOR_HOST": address, **CLIENT_SETTINGS}
    replicas = tuple(replace(one, environment={**one.environment, **added}) for one in spec.replicas)
    return replace(spec, replicas=replicas)


def job_address(url: str, key: bytes, uid: str) -> str:
    """Return the value of a job's STORAGE_EMULATOR_HOST. It holds a secret.

    Parameters:
        url: of the server, as the job reaches it.
        key: the server's storage key.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{quote(uid, safe='')}:{job_secret(key, uid)}@{parts.netloc}"


def storage_key(token: str) -> bytes:
    """Return the key that job secrets are made with, from the server's own token."""
    return hmac.digest(token.encode(), b"storage of jobs", "sha256")


def job_secret(key: bytes, uid: str) -> str:
    """Return the secret of a job."""
    return hmac.digest(key, uid.encode("utf-8", "surrogatepass"), "sha256").hex()
