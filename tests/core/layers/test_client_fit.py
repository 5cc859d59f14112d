"""Whether a daemon's processes are what the command's own process is: flags, preparation, the kernel's view."""

from __future__ import annotations

import sys

from pytest_zygote.core.layers.client_fit import (
    RESERVED_DESCRIPTORS,
    context_difference,
    descriptor_shortage,
    flags_difference,
    start_difference,
)

FLAGS = "sys.flags(debug=0, utf8_mode=0, dont_write_bytecode=0)"


def test_equal_flags_are_no_reason() -> None:
    """Nothing is said where nothing differs."""
    assert flags_difference((FLAGS, "", ""), (FLAGS, "", "")) is None


def test_each_flag_is_named_with_what_sets_it() -> None:
    """Who has set none finds the variable that did."""
    reason = flags_difference((FLAGS.replace("utf8_mode=0", "utf8_mode=1"), "", ""), (FLAGS, "", ""))

    assert reason is not None
    assert reason.code == "python-flags"
    assert "utf8_mode=1, not 0 (set by PYTHONUTF8, -X utf8, or no locale: LANG, LC_ALL)" in reason.text


def test_options_are_named() -> None:
    """`-X` and `-W` count as flags do."""
    reason = flags_difference((FLAGS, "importtime=True", "error"), (FLAGS, "", ""))

    assert reason is not None
    assert "-X importtime=True, not nothing; -W error, not nothing" in reason.text


def test_the_flags_of_this_interpreter_are_understood() -> None:
    """The form of ``repr(sys.flags)`` is that of a struct sequence."""
    other = repr(sys.flags).replace(f"optimize={sys.flags.optimize}", "optimize=7")
    reason = flags_difference((other, "", ""), (repr(sys.flags), "", ""))

    assert reason is not None
    assert f"optimize=7, not {sys.flags.optimize} (set by PYTHONOPTIMIZE or -O)" in reason.text


def test_what_prepared_the_command_is_named() -> None:
    """Three names at most, and how many more."""
    reason = start_difference(("module a", "module b", "module c", "module d"), ())

    assert reason is not None
    assert reason.code == "interpreter-prepared"
    assert reason.text == "pytest was started in an interpreter with module a, module b, module c and 1 more"


def test_what_prepared_the_daemon_is_named() -> None:
    """A daemon started under ``sitecustomize`` serves nobody who has none."""
    reason = start_difference((), ("module ddtrace",))

    assert reason is not None
    assert reason.text == "the daemon was started in an interpreter with module ddtrace"


def test_equal_preparation_is_no_reason() -> None:
    """A ``.pth`` file prepares both alike."""
    assert start_difference(("import hook x.Finder",), ("import hook x.Finder",)) is None


def test_another_context_is_named() -> None:
    """The first difference is enough, with what can be done."""
    reason = context_difference({"net namespace": "net:[2]"}, {"net namespace": "net:[1]"})

    assert reason is not None
    assert reason.code == "kernel-context"
    assert reason.text.startswith("the daemon has another net namespace than this command")


def test_what_only_one_has_is_a_difference() -> None:
    """Default is deny: what cannot be compared is not equal."""
    assert context_difference({"seccomp filters": "0"}, {}) is not None
    assert context_difference({}, {}) is None


def test_daemon_keeps_descriptors_for_itself() -> None:
    """Those that clients who wait will need count as used."""
    last = 256 - RESERVED_DESCRIPTORS - 1
    assert descriptor_shortage(last, 256) is None
    reason = descriptor_shortage(last, 256, waiting=1)
    assert reason is not None
    assert (reason.code, "256 files" in reason.text) == ("descriptors-exhausted", True)


def test_nothing_is_known_of_what_a_debugger_prepared() -> None:
    """Whichever side it is on: it follows runs by itself."""
    assert start_difference(("debugger",), ("import hook x.Finder",)) is None
    assert start_difference((), ("debugger",)) is None
