"""Reader of `provider.yaml`: what a registry package says of itself, and which services it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tablecloud.catalog.readers.refs import Node, as_node, as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedService:
    """One service of a package."""

    name: str
    """As SQL spells it: the document's `:` is `__`."""
    document: str
    """Path of its document below the folder of the package, such as `services/ec2.yaml`."""
    title: str = ""
    description: str = ""
    version: str = ""
    preferred: bool = True
    config: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedProvider:
    """A provider as its package describes it."""

    name: str
    version: str
    services: tuple[PackagedService, ...]
    config: Node

    @property
    def snake_case(self) -> bool:
        """Whether columns and parameters are called by their snake-case names."""
        return self.config.get("snake_case_aliases") is True

    @property
    def auth(self) -> str:
        """The description of its credentials as JSON; empty where there is none."""
        auth = as_node(self.config.get("auth"))
        return msgspec.json.encode(dict(auth)).decode() if auth else ""


def read_provider(document: Node) -> PackagedProvider:
    """Read a decoded `provider.yaml`."""
    return PackagedProvider(
        name=as_text(document.get("name")),
        version=as_text(document.get("version")),
        services=tuple(_services(as_node(document.get("providerServices")))),
        config=as_node(document.get("config")),
    )


def _services(declared: Node) -> Iterator[PackagedService]:
    for key, value in declared.items():
        service = as_node(value)
        # Paths begin with the provider's folder and the version's, which is where the package lies.
        path = as_text(as_node(service.get("service")).get("$ref")).split("/")
        yield PackagedService(
            name=str(key).replace(":", "__"),
            document="/".join(path[2:]),
            title=as_text(service.get("title")),
            description=as_text(service.get("description")),
            version=as_text(service.get("version")),
            preferred=service.get("preferred") is not False,
            config=as_node(service.get("config")),
        )
