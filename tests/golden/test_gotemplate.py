"""Every construct of Go's templates: what Go's own text/template wrote, or null where it refused.

The file was written by tests/conformance/gotemplate, and tests/conformance/test_gotemplate.py holds it to Go.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate import compile_template, render

GOLDEN = json.loads((Path(__file__).parent / "transform" / "gotemplate.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["template"][:60])
def test_a_template_gives_what_go_gives(case: dict[str, str | None]) -> None:
    def run() -> str:
        return render(compile_template(case["template"] or ""), GOLDEN["data"])

    if case["output"] is None:
        with pytest.raises(TransformError):
            run()
    else:
        assert run() == case["output"]
