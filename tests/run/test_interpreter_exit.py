"""The status that pytest ends with is the one that an interpreter would give."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.run import interpreter_exit
from pytest_zygote.run.interpreter_exit import pytest_status

if TYPE_CHECKING:
    from collections.abc import Callable


def ending_with(error: BaseException) -> Callable[[], int]:
    """Return a pytest that ends so."""

    def console_main() -> int:
        raise error

    return console_main


@pytest.mark.parametrize(
    ("code", "status"), [(None, 0), (0, 0), (2, 2), (True, 1), (256, 0), (-1, 255), ("gone wrong", 1)]
)
def test_a_system_exit_gives_its_code(code: object, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel cuts it; a text is an error."""
    monkeypatch.setattr(interpreter_exit, "console_main", ending_with(SystemExit(code)))

    assert pytest_status() == status


def test_the_text_of_a_system_exit_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr."""
    monkeypatch.setattr(interpreter_exit, "console_main", ending_with(SystemExit("gone wrong")))
    pytest_status()

    assert capsys.readouterr().err == "gone wrong\n"


def test_what_pytest_returns_is_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exit code of pytest is an integer with a name."""
    monkeypatch.setattr(interpreter_exit, "console_main", lambda: pytest.ExitCode.TESTS_FAILED)

    assert pytest_status() == 1


def test_a_second_ctrl_c_ends_by_the_signal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The traceback begins behind our own frame."""
    monkeypatch.setattr(interpreter_exit, "console_main", ending_with(KeyboardInterrupt()))

    assert pytest_status() == -signal.SIGINT
    printed = capsys.readouterr().err
    assert "in console_main" in printed
    assert "in pytest_status" not in printed


def test_an_error_of_pytest_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With status 1, as for any script."""
    monkeypatch.setattr(interpreter_exit, "console_main", ending_with(ValueError("broken")))

    assert pytest_status() == 1
    assert "ValueError: broken" in capsys.readouterr().err
