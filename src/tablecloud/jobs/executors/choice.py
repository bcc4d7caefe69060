"""Which executor a server runs attempts on, as its command line says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tablecloud.errors import SettingError
from tablecloud.jobs.executors import Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorChoice:
    """What `tablecloud ml serve` was told of executors; empty values are not given."""

    kind: str = "process"
    replica_cpus: float | None = None
    """Most processors that one replica asks a cluster for."""
    ray_address: str = ""
    ray_python: str = ""
    kubernetes_image: str = ""
    kubernetes_volume: str = ""
    kubernetes_namespace: str = ""
    kubernetes_context: str = ""
    kubernetes_service_account: str = ""

    @property
    def queues_itself(self) -> bool:
        """Whether attempts wait for machines in the executor, so that this machine's size bounds nothing."""
        return self.kind != "process"


def make_executor(choice: ExecutorChoice, root: Path) -> Executor:
    """Return the executor of a state root.

    Raises:
        SettingError: an option is missing, or belongs to another executor.
        ExecutorError: the executor cannot be used here.
    """
    makers: dict[str, Callable[[ExecutorChoice, Path], Executor]] = {
        "process": _process,
        "ray": _ray,
        "kubernetes": _kubernetes,
    }
    if choice.kind not in makers:
        raise SettingError(f"there is no executor {choice.kind!r}", hint=f"one of {', '.join(makers)}")
    for name in _given(choice):
        owner = name.partition("_")[0]
        if owner != choice.kind and not (owner == "replica" and choice.queues_itself):
            flag = f"--{name.replace('_', '-')}"
            raise SettingError(f"{flag} has no meaning with --executor {choice.kind}")
    return makers[choice.kind](choice, root)


def _given(choice: ExecutorChoice) -> dict[str, Any]:
    """Return the options that were given, by field name."""
    fields = {name: getattr(choice, name) for name in ExecutorChoice.__slots__ if name != "kind"}
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _told(choice: ExecutorChoice) -> dict[str, Any]:
    """Return the options of the chosen executor by the field names of its settings."""
    prefix = f"{choice.kind}_"
    told = {
        name.removeprefix(prefix): value for name, value in _given(choice).items() if name.startswith(prefix)
    }
    return told | {"most_cpus": choice.replica_cpus}


def _process(_: ExecutorChoice, root: Path) -> Executor:
    from tablecloud.jobs.executors.process import ProcessExecutor

    return ProcessExecutor(root)


def _ray(choice: ExecutorChoice, root: Path) -> Executor:
    from tablecloud.jobs.executors.ray import RayExecutor, RaySettings

    return RayExecutor(root, RaySettings(**_told(choice)))


def _kubernetes(choice: ExecutorChoice, root: Path) -> Executor:
    from tablecloud.jobs.executors.kubernetes import KubernetesExecutor
    from tablecloud.jobs.executors.kubernetes_objects import KubernetesSettings

    if not choice.kubernetes_image:
        raise SettingError(
            "--executor kubernetes needs an image",
            hint="name one that has this installation of Tablecloud, with --kubernetes-image",
        )
    return KubernetesExecutor(root, KubernetesSettings(**_told(choice)))
