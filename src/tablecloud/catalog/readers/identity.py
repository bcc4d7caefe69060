"""Which column of a listed row is the parameter that addresses it: `name` is compute's `instance`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from tablecloud.catalog.model import Method, Verb
from tablecloud.sqltypes import SqlType


def with_identity(methods: Mapping[str, Method], whole: Collection[str]) -> Iterator[Method]:
    """Yield a resource's methods; those that list rows say how a row is addressed, where that is plain.

    A row is addressed by what `get` takes and the list does not, when that is one parameter. Its value is the
    row's `id` where the parameter is called so (`fileId`), else its `name`.

    Parameters:
        methods: of one resource, by name.
        whole: parameters of `get` that take the value as it is. One that is only a part of a longer name
            (`projects/p/topics/t`) is not what the row's `name` holds.
    """
    getter = methods.get("get")
    for method in methods.values():
        lists = method.verb is Verb.SELECT and bool(method.items)
        key = _key(method, getter) if lists and getter is not None else ""
        column = _column(method, key) if key in whole else ""
        yield msgspec.structs.replace(method, identity={column: key}) if column else method


def _key(lister: Method, getter: Method) -> str:
    """Return the one parameter that `get` needs beside those of the list; empty where there are several."""
    more = [name for name in getter.required if name not in lister.required]
    return more[0] if len(more) == 1 else ""


def _column(method: Method, key: str) -> str:
    texts = {column.name for column in method.columns if column.type is SqlType.VARCHAR}
    if key in texts:
        return ""  # the row has it under its own name
    wanted = "id" if key == "id" or key.endswith("Id") else "name"
    return wanted if wanted in texts else ""
