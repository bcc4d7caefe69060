import argparse

import pytest

from tablecloud.cli.arguments import COMMANDS, build_parser, command_of, normalise
from tablecloud.errors import SettingError


@pytest.mark.parametrize("command", COMMANDS)
def test_a_parser_of_one_command_reads_it_as_the_whole_parser_does(command: str) -> None:
    rest = {"exec": ["SELECT 1"], "docs": ["google.ml.jobs"], "ml": ["status"], "registry": ["list"]}
    words = ["--verbose", "--approot", "exec", command, *rest.get(command, [])]
    assert build_parser(command).parse_args(words) == build_parser().parse_args(words)


def test_the_command_is_found_among_flags() -> None:
    assert command_of(["-o", "csv", "shell"]) == "shell"
    assert command_of(["--version"]) is None


def test_sql_that_looks_like_a_flag_is_sql() -> None:
    words = normalise(["exec", "--comment\nSELECT 1", "-v"])
    given = build_parser("exec").parse_args(words)
    assert given.sql == "--comment\nSELECT 1"


def test_what_follows_two_dashes_is_left_alone() -> None:
    assert normalise(["exec", "--", "--nonsense"]) == ["exec", "--", "--nonsense"]


def test_the_nearest_flags_are_named() -> None:
    with pytest.raises(SettingError) as caught:
        normalise(["exec", "--execution.concurency.limit", "3"])
    assert "--execution.concurrency.limit" in caught.value.hint


def test_every_flag_of_a_parser_is_known() -> None:
    assert normalise(flags := sorted(_flags(build_parser()))) == flags
    assert "--kubernetes-image" in flags


def _flags(parser: argparse.ArgumentParser) -> set[str]:
    found = set()
    for action in parser._actions:
        found |= {word for word in action.option_strings if word.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(_flags, action.choices.values()))
    return found


def test_a_negative_number_is_a_value() -> None:
    given = build_parser("exec").parse_args(["exec", "--execution.concurrency.limit", "-1", "SELECT 1"])
    assert vars(given)["execution.concurrency.limit"] == "-1"
