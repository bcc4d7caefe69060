"""`pytest tests/golden --complete` writes what is planned now as expected; read the difference before
committing."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--complete", action="store_true", help="write the expected half of golden files anew")
