from collections.abc import Iterator
from pathlib import Path

import pytest
from tuning_bench import TuningBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[TuningBench]:
    made = TuningBench(tmp_path)
    yield made
    made.close()
