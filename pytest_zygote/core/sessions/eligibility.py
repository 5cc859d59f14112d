"""Collected sessions: when one may be kept, and for which requests it is used.

A collected session is a process that ran pytest up to its first test, for one command line, and
waits. A run that is forked from it has no configuration and no collection left to do. It must be
exactly the run that a fresh process would be: all that such a run would do again is covered by the
key and the inputs, or renewed in the fork, or there is no session.

The key is the whole request, and what the client's descriptors are; nothing is compared loosely.
The inputs are all that was read meanwhile (`layer_messages.Built`). Neither covers clocks, random numbers,
processes, the network and files that collection writes. A collection that uses such a thing is found by a
profiler (`adapters.interpreter.side_effects`), and its runs are forked from the project layer.
"""

from __future__ import annotations

from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record
from pytest_zygote.core.runner_code import RUNNER, TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import TypeAlias

    from pytest_zygote.core.protocol.client_messages import RunRequest

    Kind: TypeAlias = tuple[str, int, int, int]
    Limits: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]


class Key(Record):
    """The whole request for a run, except what differs in each.

    Attributes:
        request: the fields of the request with their names, without the volatile environment keys.
        terminal: what descriptors 0, 1, 2 and those passed on are (`adapters.pytest.terminal_doubles.describe`).
        limits: what the kernel grants to the client (`adapters.system.rlimits`).
    """

    request: tuple[tuple[str, object], ...]
    terminal: tuple[Kind, ...]
    limits: Limits


def key_of(request: RunRequest, terminal: tuple[Kind, ...], limits: Limits) -> Key:
    """Return the key of a request."""
    fields = dict(zip(request.field_names, request.values(), strict=True))
    del fields["pid"], fields["options"]
    fields["environ"] = tuple((key, value) for key, value in sorted(request.environ.items()) if key not in RENEWED)
    return Key(tuple(fields.items()), terminal, limits)


RENEWED = frozenset({"_", "OLDPWD", "SHLVL", "WINDOWID", "TERM_SESSION_ID", TERMINAL})
"""Environment keys that shells and watch mode change from command to command: each run gets its client's."""


def request_ineligibility(request: RunRequest, depth: str) -> Reason | None:
    """Return why no session is looked for; None if one is.

    Args:
        request: for a run.
        depth: how deep the run may start: 'project', 'base', 'cold'.
    """
    if request.debugger:
        return Reason("session-debugged", "the session would join the debugger in place of the run")
    if depth != "project":
        return Reason("session-without-layer", "this run cannot start from the project layer, on which sessions stand")
    return None


def terminal_ineligibility(terminal: tuple[Kind, ...]) -> Reason | None:
    """Return why no session can be collected for such descriptors; None if one can."""
    for number, (kind, *_) in enumerate(terminal):
        if kind == "other" or (kind == "file" and number == 0):
            return Reason("terminal-unusual", f"descriptor {number} is no terminal, pipe or output file")
    return None


OPTIONS: dict[str, str] = {
    "lf": "--lf reads what the last run has left",
    "failedfirst": "--ff reads what the last run has left",
    "newfirst": "--nf looks at the age of files",
    "stepwise": "--sw reads what the last run has left",
    "stepwise_skip": "--sw-skip reads what the last run has left",
    "xmlpath": "--junitxml notes when it started",
    "cacheshow": "--cache-show reads the cache",
    "cacheclear": "--cache-clear removes the cache",
    "debug": "--debug writes a file from the start",
    "pastebin": "--pastebin keeps a file open",
    "log_file": "--log-file keeps a file open",
    "looponfail": "--looponfail collects again",
    "affected": "--affected asks what earlier runs have left",
    "deadline": "--deadline counts from the start",
    "zygote_output": "--zygote-output begins before tests are collected",
    "zygote_trace": "--zygote-trace begins before tests are collected",
    "shard": "--shard reads durations that runs leave",
    "shard_result": "--shard-result writes from the start",
    "hosts": "--hosts reaches other machines",
    "hosts_serve": "the tests come from another machine",
    "session_timeout": "--session-timeout counts from the start",
}
"""Options that keep a run at the project layer, each with the reason."""


def option_ineligibility(options: Mapping[str, object]) -> Reason | None:
    """Return which option keeps a run from being forked from a collected session; None if none does."""
    texts = (text for name, text in OPTIONS.items() if options.get(name))
    return next((Reason("session-option", text) for text in texts), None)


MOST_NAMED = 3
"""Environment keys that a reason names, at most."""

MOST_RENEWED = 8
"""Test files that a run collects again by itself, at most; with more, all are collected again, once."""

PLUGINS = (
    "_hypothesis_pytestplugin",
    "anyio",
    "pytest_cov",
    "xdist",
    "dotenv",
    "pytest_django",
    "pytest_dotenv",
    "pytest_env",
    "pytest_flask",
    "pytest_httpserver",
    "pytest_mock",
    "pytest_recording",
    "pytest_rerunfailures",
    "pytest_subtests",
    "pytest_timeout",
    "syrupy",
)
"""Third-party plugins with hooks that are not known to be exact, whose runs from collected sessions were compared with
plain ones, without a difference: the first by the differential suites, the others by ``make plugins-sessions``."""

PER_RUN = {
    "pytest_asyncio": "leaves a loop to the garbage collector, which complains in one of the runs",  # Python 3.11
    "pytest_randomly": "draws the seed of a run when it is imported",
}
"""Third-party plugins that prepare something for one run where nobody sees it."""

COLLECTING = ("xdist.dsession", "xdist.remote")
"""Parts of them whose runs collect in other processes."""

REPEATED_HOOKS = frozenset(
    {
        "pytest_addoption",
        "pytest_addhooks",
        "pytest_collect_file",
        "pytest_ignore_collect",
        "pytest_collection_modifyitems",
        "pytest_generate_tests",
        "pytest_make_parametrize_id",
        "pytest_pycollect_makeitem",
        "pytest_pycollect_makemodule",
        "pytest_itemcollected",
        "pytest_markeval_namespace",
        "pytest_report_header",
        "pytest_report_collectionfinish",
        "pytest_zygote_dependencies",
        "pytest_configure",
    }
)
"""Hooks that run before the first test and do the same for the same inputs.

``pytest_configure`` may do anything, as may the code of its module: both are watched, and what they leave in the
process is what each run would have made. The hooks around sessions are for what belongs to one run."""

LATE_HOOKS = frozenset(
    {
        "pytest_assertion_pass",
        "pytest_assertrepr_compare",
        "pytest_enter_pdb",
        "pytest_leave_pdb",
        "pytest_fixture_setup",
        "pytest_fixture_post_finalizer",
        "pytest_pyfunc_call",
        "pytest_configure_node",
        "pytest_testnodeready",
        "pytest_testnodedown",
        "pytest_handlecrashitem",
        "pytest_report_teststatus",
        "pytest_sessionfinish",
        "pytest_terminal_summary",
        "pytest_unconfigure",
    }
)
"""Hooks that run when the first test runs, or later; so do all whose name begins with pytest_runtest_."""


def may_be_renewed(changed: Collection[str], renewable: Collection[str]) -> bool:
    """Return whether runs can collect these files again by themselves."""
    return len(changed) <= MOST_RENEWED and all(path in renewable for path in changed)


def plugin_ineligibility(module: str, hooks: Collection[str], *, is_declared_safe: bool) -> Reason | None:
    """Return why a registered plugin keeps a run from a collected session; None if it does not.

    What a plugin does while tests are collected is watched, as is the project's code: it is judged by its hooks.

    Args:
        module: the module in which it is defined.
        hooks: names of the hooks that it implements.
        is_declared_safe: whether its author says that it allows collected sessions.
    """
    top = module.partition(".")[0]
    if module in COLLECTING:
        return Reason("session-plugin", f"{module} collects by itself")
    if top in RUNNER or top in PLUGINS or is_declared_safe:
        return None
    if top in PER_RUN:
        return Reason("session-plugin", f"{module} {PER_RUN[top]}")
    early = [hook for hook in sorted(hooks) if not _is_exact(hook)]
    text = "which may prepare something for one run"
    return Reason("session-plugin", f"{module} has the hook {early[0]}, {text}") if early else None


def _is_exact(hook: str) -> bool:
    return hook in REPEATED_HOOKS or hook in LATE_HOOKS or hook.startswith("pytest_runtest_")


def differing(known: Iterable[Key], wanted: Key) -> Reason | None:
    """Return how a request differs from all sessions, for the status; None if it does not."""
    for key in known:
        if key.request[2:3] == wanted.request[2:3]:  # the arguments
            what = next(_differences(key, wanted), "")
            return Reason("session-unlike", f"another {what}") if what else None
    return Reason("session-unlike", "no session has these arguments")


def _differences(key: Key, wanted: Key) -> Iterator[str]:
    for (name, before), (_, now) in zip(key.request, wanted.request, strict=True):
        if before != now and name == "environ":
            keys = sorted({variable for variable, _ in {*before} ^ {*now}})  # type: ignore[misc]  # pairs, as `key_of` makes them
            yield f"value of {', '.join(keys[:MOST_NAMED])} in the environment"
        elif before != now:
            yield name
    if key.terminal != wanted.terminal:
        yield "terminal"
    if key.limits != wanted.limits:
        yield "limits"
