"""Which files a program reads, as far as its command line tells."""

from __future__ import annotations

import pytest

from pytest_zygote.core.affected.programs import files_read, script_commands, shell_words


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("true", ()),
        ("echo a b -n", ()),
        ("cat", ()),
        ("cat -n one two", ("one", "two")),
        ("cat -", ()),
        ("less", ()),
        ("less -R one", ("one",)),
        ("head -q one", ("one",)),
        ("head -n5 one", ("one",)),
        ("tail -5", ()),
        ("sed -n s/a/b/", ()),
        ("sed -i~ s/$/Test/ one", ("one",)),
        ("sed -i.bak s,a,b,g one", ("one",)),
    ],
)
def test_known_programs_read_the_files_they_are_given(command: str, files: tuple[str, ...]) -> None:
    """They read the files that they are given."""
    program, *args = command.split()

    assert files_read(program, args, {}) == files


@pytest.mark.parametrize(
    "command",
    [
        "python3 -c pass",
        "git status",
        "make",
        "cat --option",
        "cat -x",
        "tail -f one",
        "less +!make",
        "sort -ofile",
        "sed -f script one",
        "sed",
        "sed p",
        "sed rsecret",
        "sed s/a/b/w",
        "sed s/a/b/e",
        "sed s/a/b/;rsecret",
        "sed -e s/a/b/ one",
        "sed s\\a\\b\\ one",
        "sed s one",
    ],
)
def test_other_programs_may_read_any_file(command: str) -> None:
    """Whatever is not known may read any file, or start anything."""
    program, *args = command.split()

    assert files_read(program, args, {}) is None


def test_newlines_in_scripts() -> None:
    """A script of sed's has a command on each line."""
    assert files_read("sed", ["s/a/b/\nr secret"], {}) is None


def test_preprocessor_of_less() -> None:
    """A program of the user's reads the files first; what comes through a pipe is left alone."""
    environ = {"LESSOPEN": "|lesspipe %s"}

    assert files_read("less", ["one"], environ) is None
    assert files_read("less", [], environ) == ()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-c", "echo hello"], ("echo", "hello")),
        (["-c", "cat one two"], ("cat", "one", "two")),
        (["-c", ""], None),
        (["-c", "cat *"], None),
        (["-c", "cat a; make"], None),
        (["-c", "cat $(make)"], None),
        (["-c", "echo 'a b'"], None),
        (["-c", "A=1 cat"], None),
        (["-c", "cat a\nmake"], None),
        (["script"], None),
        (["-ec", "true"], None),
        (["-c", "true", "name"], None),
    ],
)
def test_a_shell_that_passes_a_command_on_is_known_by_it(args: list[str], words: tuple[str, ...] | None) -> None:
    """A shell that only passes a command on is known by it."""
    assert shell_words(args) == words


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("cat\n", [("cat",)]),
        ("# comment\n\ncat one\necho two\n", [("cat", "one"), ("echo", "two")]),
        ("", []),
        ("cat\nmake $1\n", None),
    ],
)
def test_each_line_of_a_script_is_a_command(text: str, commands: list[tuple[str, ...]] | None) -> None:
    """Each line is a command."""
    assert script_commands(text) == commands
