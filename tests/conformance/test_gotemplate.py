"""The interpreter against Go's own text/template, where Go is installed: the golden file, and random data."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from registry_templates import transforms

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate import compile_template, render

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "transform" / "gotemplate.json"


@pytest.fixture(scope="module")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    folder = tmp_path_factory.mktemp("gotemplate")
    shutil.copy(HERE / "gotemplate" / "main.go", folder)
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GO111MODULE": "off"}
    subprocess.run(
        [go, "build", "-o", "oracle", "main.go"], cwd=folder, env=environment, check=True, timeout=300
    )
    return folder / "oracle"


def in_go(program: Path, cases: list[tuple[str, object]]) -> list[str | None]:
    lines = "".join(json.dumps({"template": t, "data": d}) + "\n" for t, d in cases)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line).get("output") for line in done.stdout.splitlines()]


def here(template: str, data: object) -> str | None:
    try:
        return render(compile_template(template), data)
    except TransformError:
        return None


def test_the_golden_file_is_what_go_says(go_program: Path) -> None:
    golden = json.loads(GOLDEN.read_text())
    said = in_go(go_program, [(case["template"], golden["data"]) for case in golden["cases"]])
    assert said == [case["output"] for case in golden["cases"]]


def test_the_registry_s_templates_give_what_go_gives(go_program: Path) -> None:
    rng = random.Random(3)
    cases = []
    for _side, kind, body in transforms():
        # Go cannot read these at all; in the interpreter the first brace is text.
        template = body.replace("{{{", "{ {{")
        for _ in range(4):
            cases.append((template, rng.choice(TEXTS) if "text" in kind else shaped(rng, body)))
    assert [here(template, data) for template, data in cases] == in_go(go_program, cases)


TEXTS = ["x", "[1,2]", '{"a":1}', 'é"q"', "null", ""]


def shaped(rng: random.Random, body: str) -> dict[str, object]:
    names = [*re.findall(r'"([A-Za-z_]+)"', body), "properties", "value", "k"]
    data = {name: value(rng, names, 1) for name in names if rng.random() < 0.8}
    if rng.random() < 0.5:
        data["value"] = [
            {"properties": {rng.choice(names): value(rng, names, 2)}, "id": "i"} for _ in range(3)
        ]
    return data


def value(rng: random.Random, names: list[str], depth: int) -> object:
    kind = rng.random()
    if depth > 3 or kind < 0.5:
        # No whole numbers: Go's are float64, and print otherwise on purpose.
        return rng.choice([None, True, False, 0.5, "", "é<&>", 'a"b\\', 1e30, -0.001, "\u2028\x7f"])
    if kind < 0.75:
        return [value(rng, names, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(names): value(rng, names, depth + 1) for _ in range(rng.randrange(4))}
