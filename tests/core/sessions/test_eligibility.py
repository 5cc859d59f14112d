"""When a collected session may be kept, and for which requests it is used."""

from __future__ import annotations

import pytest

from pytest_zygote.core.protocol.client_messages import RunRequest
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.sessions import eligibility

PIPES = (("null", 0, 0, 0), ("pipe", 0, 0, 1), ("pipe", 0, 0, 2))
LIMITS = (("RLIMIT_NOFILE", (1024, 4096)),)

REQUEST = {
    "version": "1",
    "interpreter": ("python",),
    "args": ("test_a.py",),
    "argv0": "pytest",
    "main": ("", "pytest"),
    "cwd": "/project",
    "umask": 0o022,
    "environ": {"HOME": "/home", "SHLVL": "1", "COLUMNS": "80"},
    "path": ("", "/lib"),
    "ignored": (),
    "closed": (),
    "pid": 1,
    "seen": "",
    "start": (),
    "descriptors": (),
    "debugger": (),
    "options": (),
}


def key(**changes: object) -> eligibility.Key:
    """Return the key of a request that differs in this."""
    return eligibility.key_of(RunRequest(**{**REQUEST, **changes}), PIPES, LIMITS)  # type: ignore[arg-type]


def test_equal_requests_have_equal_keys() -> None:
    """Whoever asks, and however deep the shell is."""
    assert key() == key(pid=2)
    assert key() == key(options=(("--daemon-sessions", "5"),))
    assert key() == key(environ={"COLUMNS": "80", "SHLVL": "2", "_": "/bin/pytest", "HOME": "/home"})
    assert len({key(), key(pid=3)}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"interpreter": ("other",)},
        {"args": ("test_a.py", "-v")},
        {"argv0": "py.test"},
        {"main": ("pytest.__main__", "pytest")},
        {"cwd": "/"},
        {"umask": 0o077},
        {"environ": {"HOME": "/home", "COLUMNS": "81"}},
        {"path": ("/lib",)},
        {"ignored": (1,)},
        {"closed": (0,)},
        {"start": ("module gevent",)},
        {"descriptors": (7,)},
        {"debugger": ("join",)},
    ],
)
def test_nothing_is_compared_loosely(change: dict[str, object]) -> None:
    """Each field counts."""
    assert key(**change) != key()


def test_terminal_and_limits_count() -> None:
    """What pytest prints depends on the one, and what it may do on the other."""
    request = RunRequest(**REQUEST)  # type: ignore[arg-type]  # a literal
    tty = (("tty", 24, 80, 0),) * 3
    assert eligibility.key_of(request, tty, LIMITS) != key()
    assert eligibility.key_of(request, PIPES, ()) != key()


@pytest.mark.parametrize("fields", [RunRequest.field_names])
def test_every_field_of_a_request_is_known_here(fields: tuple[str, ...]) -> None:
    """A new field must be considered: it counts, unless it is left out by name."""
    assert set(fields) == set(REQUEST)
    assert len(key().request) == len({*fields} - {"pid", "options"})


@pytest.mark.parametrize(
    ("change", "depth", "code"),
    [
        ({}, "project", ""),
        ({"descriptors": (7,)}, "project", ""),
        ({"debugger": ("join",)}, "project", "session-debugged"),
        ({}, "base", "session-without-layer"),
    ],
)
def test_requests_for_which_none_is_looked_for(change: dict[str, object], depth: str, code: str) -> None:
    """Those that are debugged, and those that the project layer cannot serve."""
    request = RunRequest(**{**REQUEST, **change})  # type: ignore[arg-type]  # a literal
    reason = eligibility.request_ineligibility(request, depth)
    assert (reason.code if reason else "") == code


def test_files_as_input_have_no_session() -> None:
    """Nobody knows what is in them."""
    assert not eligibility.terminal_ineligibility(PIPES)
    assert not eligibility.terminal_ineligibility((("pipe", 0, 0, 0), ("file", 0, 0, 1), ("file", 0, 0, 1)))
    assert eligibility.terminal_ineligibility((("file", 0, 0, 0), *PIPES[1:]))
    reason = eligibility.terminal_ineligibility((*PIPES[:2], ("other", 0, 0, 2)))
    assert reason == Reason("terminal-unusual", "descriptor 2 is no terminal, pipe or output file")


def test_options_that_keep_state() -> None:
    """The first one is named."""
    assert not eligibility.option_ineligibility({"lf": False, "verbose": 1, "xmlpath": None})
    last_failed = Reason("session-option", "--lf reads what the last run has left")
    assert eligibility.option_ineligibility({"lf": True, "xmlpath": "report.xml"}) == last_failed
    junit = eligibility.option_ineligibility({"xmlpath": "report.xml"})
    assert junit == Reason("session-option", "--junitxml notes when it started")


@pytest.mark.parametrize(
    ("module", "hooks", "is_declared_safe", "expected"),
    [
        ("_pytest.terminal", ["pytest_configure"], False, ""),
        ("pytest_zygote.run.outcome_recorder", ["pytest_sessionstart"], False, ""),
        ("xdist.plugin", ["pytest_configure"], False, ""),
        ("xdist.dsession", [], False, "xdist.dsession collects by itself"),
        ("xdist.dsession", [], True, "xdist.dsession collects by itself"),
        ("anyio.pytest_plugin", ["pytest_pycollect_makeitem", "pytest_collection_finish"], False, ""),
        ("pytest_strange", ["pytest_configure"], False, ""),
        ("pytest_strange", ["pytest_sessionstart"], False, "pytest_strange has the hook pytest_sessionstart"),
        ("pytest_strange", ["pytest_sessionstart"], True, ""),
        ("pytest_randomly", ["pytest_configure"], False, "pytest_randomly draws the seed"),
        ("tests.conftest", ["pytest_addoption", "pytest_runtest_setup", "pytest_sessionfinish"], False, ""),
        ("tests.conftest", ["pytest_configure"], False, ""),
        ("tests.conftest", ["pytest_hook_of_tomorrow"], False, "tests.conftest has the hook pytest_hook_of_tomorrow"),
    ],
)
def test_plugins_that_were_tried_or_declare_it_are_safe(
    module: str,
    hooks: list[str],
    is_declared_safe: bool,  # noqa: FBT001 - a parameter
    expected: str,
) -> None:
    """Those of pytest, those that were tried or declare it, and what the hooks of all others may be."""
    said = eligibility.plugin_ineligibility(module, hooks, is_declared_safe=is_declared_safe)
    assert (said is None) is (expected == "")
    assert said is None or (said.code == "session-plugin" and said.text.startswith(expected))


def test_in_what_a_request_differs() -> None:
    """For the status."""
    assert eligibility.differing([], key()) == Reason("session-unlike", "no session has these arguments")
    assert eligibility.differing([key(args=("x",))], key()) == Reason(
        "session-unlike", "no session has these arguments"
    )
    assert eligibility.differing([key(cwd="/")], key()) == Reason("session-unlike", "another cwd")
    changed = key(environ={"HOME": "/root", "COLUMNS": "80"})
    assert eligibility.differing([changed], key()) == Reason(
        "session-unlike", "another value of HOME in the environment"
    )
    plain = eligibility.key_of(RunRequest(**REQUEST), PIPES[:2], ())  # type: ignore[arg-type]  # a literal
    assert eligibility.differing([plain], key()) == Reason("session-unlike", "another terminal")
    assert eligibility.differing([key()], key()) is None
