"""What a worker must not share with its parent: here, what Ctrl-C does to it."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.parallel import after_fork
from pytest_zygote.parallel.after_fork import Interrupts
from pytest_zygote.parallel.shared_flags import SharedFlags
from tests.parallel.fakes import make_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def flags() -> Iterator[SharedFlags]:
    """Flags of a run; the handler of Ctrl-C is restored at the end."""
    before = signal.getsignal(signal.SIGINT)
    made = SharedFlags(0, 1)
    yield made
    made.close()
    signal.signal(signal.SIGINT, before)


def press() -> bool:
    """Press Ctrl-C; return whether it interrupts what runs."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return True
    return False


def test_ctrl_c_counts_once(flags: SharedFlags) -> None:
    """The terminal sends it, and the parent, which stops the run, once more; fixtures are torn down meanwhile."""
    Interrupts(flags)
    flags.stop()
    assert [press(), press()] == [True, False]


def test_ctrl_c_counts_each_time_while_the_run_goes_on(flags: SharedFlags) -> None:
    """Tests may send it to themselves."""
    Interrupts(flags)
    assert [press(), press()] == [True, True]


def test_what_a_test_has_sent_to_itself_does_not_count_for_the_next(flags: SharedFlags) -> None:
    """The next one can be interrupted, also in a run that is to stop."""
    interrupts = Interrupts(flags)
    flags.stop()
    assert press()
    interrupts.forget()
    assert press()


def test_the_handler_passes_for_pythons_own(flags: SharedFlags, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries handle the signal themselves only where nobody else does."""
    monkeypatch.setattr(signal, "default_int_handler", signal.default_int_handler)
    Interrupts(flags).replace_default()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_at_a_prompt_ctrl_c_counts_each_time(flags: SharedFlags) -> None:
    """For the debugger."""
    interrupts = Interrupts(flags)
    interrupts.is_debugging = True
    assert [press(), press()] == [True, True]
    interrupts.is_debugging = False
    assert press()


def test_ctrl_c_for_a_debugger_elsewhere_has_no_effect(flags: SharedFlags) -> None:
    """Also if it comes late."""
    Interrupts(flags)
    flags.set_debugging(on=True)
    assert not press()
    flags.note_interrupt()
    flags.set_debugging(on=False)
    assert not press()
    assert press()


def test_what_was_pressed_for_a_debugger_is_forgotten_with_the_next_test(flags: SharedFlags) -> None:
    """The signal may never come."""
    interrupts = Interrupts(flags)
    flags.note_interrupt()
    interrupts.forget()
    assert press()


def test_ctrl_c_waits_for_what_must_not_be_cut_in_half(flags: SharedFlags) -> None:
    """And interrupts afterwards."""
    interrupts = Interrupts(flags)
    interrupts.hold()
    assert not press()
    with pytest.raises(KeyboardInterrupt):
        interrupts.release()
    interrupts.release()


def test_what_another_signal_raises_waits_too(flags: SharedFlags) -> None:
    """Half a message would be understood by nobody."""
    interrupts = Interrupts(flags)
    with pytest.raises(TimeoutError, match="now"):
        interrupts.raise_soon(TimeoutError("now"))
    interrupts.hold()
    interrupts.raise_soon(TimeoutError("later"))
    with pytest.raises(TimeoutError, match="later"):
        interrupts.release()
    interrupts.release()


def test_a_signal_that_is_ignored_stays_ignored(flags: SharedFlags) -> None:
    """Below nohup, or in a shell's background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Interrupts(flags)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


class Factory:
    """pytest's factory of temporary folders."""

    def __init__(self, base: Path) -> None:
        """Make them here."""
        self._base = base
        self._given_basetemp: Path | None = None
        self._basetemp: Path | None = None

    def getbasetemp(self) -> Path:
        """Return the base."""
        return self._base


def test_temporary_folders_of_workers_are_inside_of_the_parents(tmp_path: Path) -> None:
    """Without the plugin there are none."""
    config = make_config()
    assert after_fork.basetemp(config) is None
    config._tmp_path_factory = cast("pytest.TempPathFactory", Factory(tmp_path))  # type: ignore[attr-defined]  # noqa: SLF001
    assert after_fork.basetemp(config) == tmp_path


def test_nothing_is_captured_where_nothing_captures() -> None:
    """Only the dump is left to read after a crash."""
    config = make_config()
    assert after_fork.adopt_output(config, 5) == [5]
    config.pluginmanager.register(SimpleNamespace(), "capturemanager")
    assert after_fork.adopt_output(config, 5) == [5]
