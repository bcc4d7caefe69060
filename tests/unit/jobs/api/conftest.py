from collections.abc import Iterator

import pytest
from api_bench import ApiBench


@pytest.fixture
def bench(tmp_path) -> Iterator[ApiBench]:
    made = ApiBench(tmp_path / "root")
    yield made
    made.close()
