"""Rows a second of azure's list answer: decoded plainly, flattened natively, flattened by the interpreter.

The answer is made here: 500 rows of 40 members below `properties`. The template is written here too, and does
what the registry's text does.

    python benchmarks/transforms.py [--rows 500] [--rounds 20]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import msgspec

from tablecloud.rest.transform.azure import flatten_list
from tablecloud.rest.transform.gotemplate import compile_template, render

EACH = '{{ range $k, $v := %s }}{{ printf "%%q" $k }}: {{ toJson $v }}, {{ end }}'
ROW = (
    '{ {{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}'
    + EACH % "$p"
    + "{{ end }}"
    + EACH % "$row"
    + '"_flattened": true }'
)
TEMPLATE = (
    '{"value": [{{ range $i, $row := index . "value" }}{{ if $i }},{{ end }}'
    + ROW
    + '{{ end }}], "nextLink": {{ toJson (index . "nextLink") }}}'
)


def page(rows: int) -> bytes:
    properties = {f"member{n}": "some text" if n % 3 else {"a": n, "b": [n, n]} for n in range(40)}
    items = [{"id": f"/subscriptions/s/{n}", "name": f"n{n}", "properties": properties} for n in range(rows)]
    return json.dumps({"value": items, "nextLink": "https://management.test/next"}).encode()


def rate(run: Callable[[], object], rows: int, rounds: int) -> float:
    run()
    start = time.perf_counter()
    for _ in range(rounds):
        run()
    return rows * rounds / (time.perf_counter() - start)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=500)
    arguments.add_argument("--rounds", type=int, default=20)
    options = arguments.parse_args()
    body = page(options.rows)
    template = compile_template(TEMPLATE)
    flat = json.loads(render(template, json.loads(body)))
    assert json.loads(flatten_list(body)) == flat
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "plain decode": (lambda: msgspec.json.decode(body), options.rounds),
        "native": (lambda: flatten_list(body), options.rounds),
        "native and decode": (lambda: msgspec.json.decode(flatten_list(body)), options.rounds),
        "interpreter": (lambda: render(template, msgspec.json.decode(body)), max(options.rounds // 10, 1)),
    }
    print(f"{options.rows} rows, {len(body):,} bytes")
    for name, (run, rounds) in runs.items():
        print(f"{name:20} {rate(run, options.rows, rounds):12,.0f} rows/s")


if __name__ == "__main__":
    main()
