"""Writes docs/reference.md from the code: ``python -m scripts.reference``.

Options come from our table and from what the plugin registers beside; hooks and Python names from their signatures and
docstrings. Reasons have a page of their own: `scripts.reasons`.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest_zygote
from pytest_zygote import hookspecs, mproc, plugin, shared_session_scope, workaround
from pytest_zygote.core.cli.options import OPTIONS
from pytest_zygote.core.record import Record
from pytest_zygote.parallel import mproc_fixtures, run_limits, xdist_hookspecs, xdist_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    import pytest

    from pytest_zygote.core.cli.options import Option

DOCUMENT = Path(__file__).parents[1] / "docs" / "reference.md"

HEAD = """\
# Reference

Made by `python -m scripts.reference` from the code; do not edit. What the codes in messages mean stands in
[reasons](reasons.md).

A value comes from the command line, else from the environment, else from the ini-file, else it is the default. Options
changed while a daemon runs hold from the next command on; those of the command line that started it (`pytest --daemon
--daemon-timeout=60`) hold until it ends. A switch is on by `1`, `true`, `yes` or `on`, and off by `0`, `false`, `no` or
`off`.
"""

ENVIRONMENT = {
    "CI": "if it is set, there is no daemon and no warm run",
    "PYTEST_ADDOPTS": "pytest's own: options that are added to each command line",
    "PYTEST_XDIST_AUTO_NUM_WORKERS": "as with pytest-xdist: how many workers `-n auto` means",
    "PYTEST_XDIST_WORKER": "as with pytest-xdist: set in each worker to its name",
    "PYTEST_ZYGOTE_CHILD": "set to `1` in warm runs: a pytest that a test starts is plain pytest",
    "PYTEST_ZYGOTE_REPORTS": "set by `--affected`: where Pythons that tests start write what they ran",
    "XDG_RUNTIME_DIR": "the folder in which socket, lock and log are kept, if it is yours alone to change",
}
"""Environment keys that belong to no option of ours."""

SHARD_COMMANDS = """\
| command | what it does |
|---|---|
| `pz …` | what `pytest -p pytest_zygote …` does; if a daemon serves it, pytest is not even imported |
| `pz doctor` | [checks the set-up](trouble.md#is-it-set-up-right), as `--daemon-doctor` does |
| `pz merge DIR…` | [shows the results of all shards as one run](shards.md#pz-merge) |
| `pz rerun DIR` | [repeats here what a shard has run elsewhere](shards.md#pz-rerun) |

`python -m pytest_zygote` is the same as `pz`.
"""

_SECTION = re.compile(r"(Args|Returns|Raises|Attributes):")


@dataclass
class Recorder:
    """Stands in for pytest's parser and configuration: keeps what is registered.

    Attributes:
        options: flags and the arguments of argparse.
        keys: ini keys, with their help.
        marks: as the ini-file has them.
    """

    options: list[tuple[tuple[str, ...], dict[str, object]]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)

    def getgroup(self, *_names: str) -> Recorder:
        """Return what registers the options of a group."""
        return self

    def addoption(self, *flags: str, **attributes: object) -> None:
        """Register an option."""
        self.options.append((flags, attributes))

    _addoption = addoption

    def addini(self, name: str, help: str, **_attributes: object) -> None:  # noqa: A002 - pytest's name for it
        """Register an ini key."""
        self.keys[name] = help

    def addinivalue_line(self, _name: str, line: str) -> None:
        """Register a mark."""
        self.marks.append(line)


def recorded(*registrations: Callable[[pytest.Parser], object]) -> Recorder:
    """Return what functions of the plugin register."""
    recorder = Recorder()
    for register in registrations:
        register(cast("pytest.Parser", recorder))
    return recorder


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of Markdown."""
    lines = [[*head], *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _form(option: Option) -> str:
    if option.has_value:
        return f"{option.flag}[={option.value.strip('[]')}]"
    return f"{option.flag} {option.value}".strip()


def _our_row(option: Option) -> tuple[str, ...]:
    return _code(_form(option)), _code(option.environ), _code(option.ini), _code(option.default), option.help


def _their_row(flags: tuple[str, ...], attributes: dict[str, object]) -> tuple[str, ...]:
    choices = attributes.get("choices")
    value = "|".join(map(str, choices)) if isinstance(choices, tuple) else str(attributes.get("metavar", ""))
    forms = ", ".join(_code(f"{flag} {value}".strip()) for flag in flags)
    return forms, str(attributes["help"]).replace("%%", "%")


def options() -> Iterator[str]:
    """Yield the tables of options."""
    head = ("option", "environment", "ini-file", "default", "what it does")
    yield "\n## Commands\n\nThese ask for something else than one run, or go with one that does:\n\n"
    commands = [option for option in OPTIONS if option.is_command or option.command]
    yield table(("option", "what it does"), ((_code(_form(option)), option.help) for option in commands))
    yield f"\n## `pz`\n\n{SHARD_COMMANDS}"
    yield "\n## Options\n\n"
    yield table(head, (_our_row(option) for option in OPTIONS if option not in commands))
    limits = recorded(run_limits.add_options)
    yield "\n### Limits of a run\n\n"
    yield table(("option", "what it does"), (_their_row(*one) for one in limits.options))
    workers = recorded(xdist_plugin.pytest_addoption)
    yield "\n### Workers\n\nWhere the tests are run by [our workers](workers.md):\n\n"
    yield table(("option", "what it does"), (_their_row(*one) for one in workers.options))


def settings() -> Iterator[str]:
    """Yield the tables of ini keys, environment keys and marks."""
    yield "\n## Ini keys\n\n"
    rows = [(option.ini, f"{_code(option.flag)}: {option.help}") for option in OPTIONS if option.ini]
    rows += recorded(plugin.add_settings, xdist_plugin.pytest_addoption).keys.items()
    yield table(("key", "what it says"), ((_code(key), text) for key, text in sorted(rows)))
    yield "\n## Environment\n\n"
    keys = [(option.environ, f"{_code(option.flag)}: {option.help}") for option in OPTIONS if option.environ]
    yield table(("key", "what it says"), ((_code(key), text) for key, text in sorted([*keys, *ENVIRONMENT.items()])))
    recorder = Recorder()
    plugin.pytest_configure(cast("pytest.Config", recorder))
    marks = (line.partition(":") for line in (*recorder.marks, xdist_plugin.GROUP_MARK))
    yield "\n## Marks\n\n"
    yield table(("mark", "what it does"), ((_code(name), text.strip()) for name, _, text in marks))


def names() -> Iterator[str]:
    """Yield the hooks and the names for Python code."""
    yield "\n## Hooks\n\nHow plugins take part: [workarounds](workarounds.md#hooks-for-plugins).\n"
    for name in _hooks(hookspecs):
        yield _entry(name, getattr(hookspecs, name))
    yield "\nHooks of pytest-xdist that are known to pytest here, too: "
    yield f"{', '.join(_code(name) for name in _hooks(xdist_hookspecs))}.\n"
    yield "\n## Fixtures\n\n"
    fixtures = (
        *(xdist_plugin.worker_id, xdist_plugin.testrun_uid),
        *(mproc_fixtures.mp_tmp_dir, mproc_fixtures.mp_tmp_dir_factory),
    )
    yield table(("fixture", "what it does"), ((_code(one.__name__), inspect.getdoc(one) or "") for one in fixtures))
    yield "\n## Python names\n\n"
    yield "The names of `pytest_zygote`, and of `pytest_zygote.workaround`:\n"
    for name in pytest_zygote.__all__:
        yield _entry(f"pytest_zygote.{name}", getattr(pytest_zygote, name))
    for function in (workaround.register_workaround, workaround.after_fork):
        yield _entry(f"pytest_zygote.workaround.{function.__name__}", function)
    yield "\nThe names of other plugins, which mean the same here ([coming from other plugins](migrating.md)):\n\n"
    modules = (mproc, shared_session_scope)
    rows = ((_code(module.__name__), ", ".join(map(_code, module.__all__))) for module in modules)
    yield table(("module", "names"), rows)


def _hooks(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if name.startswith("pytest_")]


def _entry(name: str, target: object) -> str:
    return f"\n### `{name}{_signature(target)}`\n\n{as_markdown(inspect.getdoc(target) or '')}"


def _signature(target: object) -> str:
    """Return the parameters of a function, or of a class, without their types."""
    if isinstance(target, type) and issubclass(target, Record):
        return f"({', '.join(target.__annotations__)})"
    empty = inspect.Parameter.empty
    if not callable(target):
        return ""
    signature = inspect.signature(target)
    bare = [parameter.replace(annotation=empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=empty))


def as_markdown(docstring: str) -> str:
    """Return a docstring with its sections as lists."""
    lines: list[str] = []
    is_in_section = False
    for line in docstring.replace("``", "`").splitlines():
        section = _SECTION.fullmatch(line)
        if section:
            is_in_section = True
            lines += [f"{section[1]}:", ""]
        elif is_in_section and line.startswith("    ") and line[4:5].strip():
            name, colon, text = line.strip().lstrip("*").partition(": ")
            lines.append(f"* `{name}`: {text}" if colon and " " not in name else f"* {line.strip()}")
        else:
            lines.append(f"  {line.strip()}" if is_in_section and line else line)
    return "\n".join(lines) + "\n"


def render() -> Iterator[str]:
    """Yield the parts of the page."""
    yield HEAD
    yield from options()
    yield from settings()
    yield from names()


def main() -> None:
    """Write the page."""
    DOCUMENT.write_text("".join(render()), encoding="utf-8")


if __name__ == "__main__":
    main()
