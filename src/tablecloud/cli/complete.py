"""What may come next at the shell's prompt: keywords, names of the catalog, columns of tables in sight."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from tablecloud.errors import TablecloudError

if TYPE_CHECKING:
    from tablecloud.catalog.catalog import Catalog

KEYWORDS = tuple(
    """
    SELECT FROM WHERE GROUP BY ORDER LIMIT OFFSET HAVING DISTINCT JOIN LEFT INNER ON USING AND OR NOT IN LIKE
    IS NULL AS CASE WHEN THEN ELSE END WITH UNION ALL INSERT INTO VALUES UPDATE REPLACE SET DELETE RETURNING
    EXEC SHOW PROVIDERS SERVICES RESOURCES METHODS EXTENDED DESCRIBE METHOD EXPLAIN ANALYZE USE BETWEEN CAST
    """.split()  # noqa: SIM905  # sixty quoted words would be harder to read
)
_WORD = re.compile(r"[\w.$]*\Z")
_WANTS_NAME = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|REPLACE|EXEC|DESCRIBE|METHOD|EXTENDED|IN|USE)\s+\Z", re.IGNORECASE
)
_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|REPLACE)\s+([\w$]+(?:\.[\w$]+)+)", re.IGNORECASE)


def suggest(before: str, after: str, catalog: Catalog, provider: str = "") -> tuple[str, list[str]]:
    """Return the word being typed and what it may become, best first.

    Parameters:
        before: the text up to the cursor, all lines.
        after: the text from the cursor on; tables named there count for columns.
        catalog: where names are looked up.
        provider: what names without a provider begin with.
    """
    match = _WORD.search(before)
    word = match.group() if match else ""
    lead = before[: len(before) - len(word)]
    if "." in word or _WANTS_NAME.search(lead):
        return word, _names(word, catalog, provider)
    if not word:
        return word, []
    columns = _columns(before + after, catalog, provider)
    found = [name for name in columns if name.lower().startswith(word.lower())]
    return word, found + [key for key in KEYWORDS if key.startswith(word.upper())]


def _names(word: str, catalog: Catalog, provider: str) -> list[str]:
    with suppress(TablecloudError):
        found = catalog.complete(word)
        if not found and provider:
            lead = f"{provider}."
            return [name.removeprefix(lead) for name in catalog.complete(lead + word)]
        return found
    return []


def _columns(text: str, catalog: Catalog, provider: str) -> list[str]:
    """Return columns and parameters of every table that the text names, without repetition."""
    found: dict[str, None] = {}
    for name in _TABLE.findall(text):
        path = name.split(".")
        with suppress(TablecloudError):
            resource = catalog.resource([provider, *path] if provider and len(path) == 2 else path)
            method = resource.default_select
            if method is not None:
                found |= dict.fromkeys(column.name for column in method.columns)
                found |= dict.fromkeys(parameter.name for parameter in method.parameters)
    return list(found)
