"""The named connections of a provider: ten thousand accounts cost nothing until one is asked for."""

from __future__ import annotations

import msgspec

from tablecloud.auth.spec import NO_CONNECTIONS, AuthSpec, checked, plain
from tablecloud.errors import CredentialError


class Connections:
    """Finds connections by name. The map is read once, each block of it when it is wanted."""

    def __init__(self, provider: str, spec: AuthSpec) -> None:
        self._provider = provider
        self._spec = spec
        self._blocks: dict[str, msgspec.Raw] | None = None
        self._shared: dict[str, object] = {}

    def find(self, name: str) -> AuthSpec:
        """Return the description of a connection, laid upon what holds for all of them.

        Raises:
            CredentialError: there is none of that name, or it is not understood.
        """
        blocks = self._read()
        block = blocks.get(name)
        if block is None:
            raise self._unknown(name, blocks)
        try:
            given = msgspec.json.decode(block, type=dict[str, object])
            found = msgspec.convert({**self._shared, **given}, AuthSpec)
        except msgspec.MsgspecError as error:
            raise CredentialError(
                f"the connection '{name}' of {self._provider} is not understood: {error}"
            ) from None
        return checked(f"{self._provider} ({name})", found)

    def _read(self) -> dict[str, msgspec.Raw]:
        if self._blocks is None:
            self._shared = plain(self._spec)
            self._blocks = {}
            if self._spec.connections is not NO_CONNECTIONS:
                self._blocks = _decode(self._provider, self._spec.connections)
        return self._blocks

    def _unknown(self, name: str, blocks: dict[str, msgspec.Raw]) -> CredentialError:
        from difflib import get_close_matches

        near = get_close_matches(name, blocks, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"--auth describes {len(blocks)} of them"
        return CredentialError(f"{self._provider} has no connection '{name}'", hint=hint)


def _decode(provider: str, text: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        raise CredentialError(f"the connections of {provider} are no map from name to a map") from None
