"""Which sessions runs may be forked from, as far as pytest knows it."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.reasons import Reason
from pytest_zygote.run.collected_session import DECLARATION, PytestSession, ineligibility
from pytest_zygote.run.recollection import Recollection

if TYPE_CHECKING:
    from collections.abc import Mapping

INI: dict[str, object] = {"log_file": "", "norecursedirs": ["*.egg", ".*"]}


def module(name: str, **contents: object) -> ModuleType:
    """Return a plugin."""
    made = ModuleType(name)
    vars(made).update(contents)
    return made


def session(
    *plugins: object,
    hooks: tuple[str, ...] = (),
    ini: Mapping[str, object] = INI,
    options: Mapping[str, object] | None = None,
    failed: int = 0,
) -> pytest.Session:
    """Return a session with these plugins, all of which implement these hooks."""
    manager = SimpleNamespace(
        list_name_plugin=lambda: [("", plugin) for plugin in plugins],
        get_hookcallers=lambda _: [SimpleNamespace(name=hook) for hook in hooks],
    )
    config = SimpleNamespace(
        getoption=lambda name, _: (options or {}).get(name),
        getini=ini.__getitem__,
        pluginmanager=manager,
        _tmp_path_factory=SimpleNamespace(_basetemp=None),
    )
    return cast(
        "pytest.Session", SimpleNamespace(config=config, testsfailed=failed, shouldstop=False, shouldfail=False)
    )


def test_nothing_speaks_against_a_plain_session() -> None:
    """Blocked plugins are listed too, as None."""
    assert ineligibility(session(module("_pytest.terminal"), None, hooks=("pytest_sessionstart",))) is None


def test_a_module_that_cannot_be_collected() -> None:
    """The run shows the error itself."""
    assert ineligibility(session(failed=1)) == Reason("session-failed", "tests cannot be collected")


@pytest.mark.parametrize(
    ("ini", "options", "text"),
    [
        ({**INI, "log_file": "log.txt"}, {}, "--log-file keeps a file open"),
        (INI, {"lf": True}, "--lf reads what the last run has left"),
    ],
)
def test_what_each_run_must_do_itself(ini: Mapping[str, object], options: Mapping[str, object], text: str) -> None:
    """By option or by ini-file."""
    assert ineligibility(session(ini=ini, options=options)) == Reason("session-option", text)


@pytest.mark.parametrize(("patterns", "admits"), [(["*.egg", ".*"], False), ([".git", "build"], True), ([], True)])
def test_hidden_folders_that_may_be_collected_from(patterns: list[str], admits: bool) -> None:  # noqa: FBT001 - a parameter
    """By the ini-file; then they are inputs."""
    made = PytestSession(session(ini={**INI, "norecursedirs": patterns}), {}, Recollection())
    assert made.admits_hidden_folders() is admits


def test_a_plugin_that_may_prepare_one_run() -> None:
    """Unless its module says that it does not, whether the plugin is a module, a class or an object."""
    strange = module("pytest_strange")
    reason = ineligibility(session(strange, hooks=("pytest_sessionstart",)))
    assert reason is not None
    assert reason.code == "session-plugin"
    assert reason.text.startswith("pytest_strange has the hook pytest_sessionstart")
    vars(strange)[DECLARATION] = True
    assert ineligibility(session(strange, hooks=("pytest_sessionstart",))) is None
    assert ineligibility(session(type("Plugin", (), {}), hooks=("pytest_sessionstart",))) is not None
