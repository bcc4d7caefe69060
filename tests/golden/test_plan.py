"""Each file is a statement, a line of dashes, and what EXPLAIN says: the plan, or the error with its
caret."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.sql_catalog import CATALOG

from tablecloud.errors import SqlError, TablecloudError
from tablecloud.sql.explain import explain
from tablecloud.sql.names import Scope
from tablecloud.sql.parse import parse_script
from tablecloud.sql.plan import Scalar
from tablecloud.sql.planner import plan
from tablecloud.sql.pointing import render

FOLDER = Path(__file__).parent / "plan"
LINE = "----\n"
PARAMETERS: dict[str, Scalar] = {"1": "first", "2": 2, "name": "it's"}


def _explained(sql: str) -> str:
    lines = []
    for statement in parse_script(sql):
        try:
            made = plan(statement, Scope(catalog=CATALOG, parameters=PARAMETERS))
        except SqlError as error:
            lines += [type(error).__name__, render(error)]
        except TablecloudError as error:
            lines += [type(error).__name__, error.message]
        else:
            lines += [f"{step:<24}{detail}".rstrip() for step, detail in explain(made).rows]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sql")), ids=lambda path: path.stem)
def test_plan(path: Path, request: pytest.FixtureRequest) -> None:
    sql, _, expected = path.read_text().partition(LINE)
    found = _explained(sql)
    if request.config.getoption("--complete", default=False):
        path.write_text(sql + LINE + found)
        return
    assert found == expected
