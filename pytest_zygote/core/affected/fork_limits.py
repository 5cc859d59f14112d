"""Whether anybody could tell that tests run in forks, or that others are left out: then all is as in plain pytest.

A hook of a conftest file or plugin that takes part in running, reporting or ending tests may keep what it sees in its
process, for the end of the run or for the next test. In a fork that is lost. So only hooks that are done before the
first test are silent; every other hook, also one that pytest gets in the future, is not.
"""

from __future__ import annotations

import dis
from types import FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.core.runner_code import RUNNER
from pytest_zygote.core.sessions.eligibility import PLUGINS, REPEATED_HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    Hooks: TypeAlias = Sequence[tuple[str, Sequence[str]]]
    """Modules of conftest files and plugins, each with the names of its hooks."""

SILENT_HOOKS = REPEATED_HOOKS | {
    *("pytest_cmdline_main", "pytest_cmdline_parse", "pytest_load_initial_conftests", "pytest_plugin_registered"),
    *("pytest_sessionstart", "pytest_collection", "pytest_collection_finish", "pytest_collect_directory"),
    *("pytest_collectstart", "pytest_collectreport", "pytest_make_collect_report", "pytest_deselected"),
    *("pytest_assertrepr_compare", "pytest_xdist_setupnodes"),
}
"""Hooks that run before the first test, or whose answer depends on nothing but what they are asked."""

HARMLESS = frozenset({"_hypothesis_pytestplugin", "pytest_asyncio", "pytest_cov", "xdist"})
"""Plugins that count for nothing here: no difference is known, though runs in forks were not compared for each."""

ASYNCIO = "pytest_asyncio.plugin"

_SAME_FIXTURES = frozenset({(ASYNCIO, "event_loop_policy"), (ASYNCIO, "_asyncio_loop_factory")})
"""Fixtures that return what the process has, or their parameter, and do nothing else: each fork may set them up."""

SEEING = frozenset({"pytest_runtest_makereport", "pytest_runtest_logreport", "pytest_exception_interact"})
DECIDING = frozenset({"pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_protocol", "pytest_pyfunc_call"})

LOST_FIXTURES = frozenset({"record_testsuite_property", "record_xml_attribute"})
"""Fixtures of pytest that write into the report of the whole run."""

_PLAIN = frozenset({"RESUME", "NOP", "LOAD_CONST", "LOAD_SMALL_INT", "LOAD_FAST", "RETURN_CONST", "RETURN_VALUE"})


def noticing_hook(plugins: Hooks) -> str:
    """Return a hook by which somebody takes part in running, reporting or ending tests; '' if there is none."""
    for module, hooks in plugins:
        if module.partition(".")[0] not in RUNNER | HARMLESS:
            for hook in sorted(hooks):
                if hook not in SILENT_HOOKS:
                    return f"{hook} of {module}"
    return ""


def remembering(plugins: Hooks) -> str:
    """Return who sees how tests end, and decides before other tests whether they run; '' if nobody does."""
    others = (one for one in plugins if one[0].partition(".")[0] not in RUNNER.union(HARMLESS, PLUGINS))
    return next((name for name, hooks in others if not (SEEING.isdisjoint(hooks) or DECIDING.isdisjoint(hooks))), "")


def is_constant(function: object) -> bool:
    """Return whether a function returns the same each time and does nothing else.

    A fixture that does can be set up in each fork: nobody can tell.
    """
    if not isinstance(function, FunctionType):
        return False
    return (function.__module__, function.__name__) in _SAME_FIXTURES or all(
        step.opname in _PLAIN for step in dis.get_instructions(function)
    )


def loop_scope(own: object, default: object, scope: str) -> str:
    """Return the scope of the event loop in which pytest-asyncio sets an asynchronous fixture up.

    Args:
        own: what the fixture asks for; None if it asks for none.
        default: of the ini-file.
        scope: of the fixture.
    """
    return str(own or (default if default in _SCOPES else scope))


_SCOPES = ("function", "class", "module", "package", "session")


def open_things(links: Iterable[str], store: str) -> str:
    """Return what forks would share among what came with collection: something open; '' for nothing.

    Args:
        links: of the descriptors that have come, as Linux shows them.
        store: begins the names of our own files.
    """
    for link in links:
        is_file = link.startswith("/") and not link.startswith(("/dev/", "/proc/", store)) and "(deleted)" not in link
        if is_file:
            return f"{link} is open"
        if link.startswith(("socket:", "anon_inode:[eventpoll]")):
            return "a socket or an event loop is open"
    return ""
