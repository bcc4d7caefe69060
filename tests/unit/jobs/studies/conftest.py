from collections.abc import Iterator
from pathlib import Path

import pytest

from tablecloud.clock import FakeClock
from tablecloud.jobs.store import Store
from tablecloud.jobs.studies.service import Studies


@pytest.fixture
def studies(tmp_path: Path) -> Iterator[Studies]:
    store = Store(tmp_path / "jobs.sqlite")
    yield Studies(store, FakeClock())
    store.close()
