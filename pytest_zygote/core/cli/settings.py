"""What the user asked for: the values of options, from command line, environment and ini-file."""

from __future__ import annotations

from pytest_zygote.core.cli.options import BY_FLAG, OPTIONS, parse
from pytest_zygote.core.protocol.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import NoReturn

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
MAX_DIGITS = 6
FOREVER_S = 1e9
"""Longer than any daemon lives, and still a time that the system can wait for."""


class Settings:
    """What the user asked for, from command line, environment and ini-file, in that order.

    What reads a value raises `UsageError` if it is not of its kind; the text names the place and what may stand there.

    Attributes:
        args: the command line that was read.
    """

    def __init__(
        self, args: Iterable[str], environ: Mapping[str, str], ini: Callable[[str], object] | None = None
    ) -> None:
        """Read all sources.

        Args:
            args: the command line, with what ``addopts`` adds.
            environ: the environment.
            ini: gives the value of an ini key; None where no ini-file is known.
        """
        self.args = tuple(args)
        self._given = {
            argument.option.flag: argument.value
            for argument in parse(self.args)
            if argument.option is not None and argument.value is not None
        }
        self._environ = environ
        self._ini = ini

    def text(self, flag: str) -> str:
        """Return the value of an option as text; '' for an unset one without a default."""
        return self._find(flag)[0]

    def switch(self, flag: str) -> bool:
        """Return whether a switch is on."""
        text, source = self._find(flag)
        if text.lower() in TRUE:
            return True
        if text.lower() in ("", *FALSE):
            return False
        message = f"{source} is {text!r}: use one of {', '.join((*TRUE, *FALSE))}"
        raise UsageError(message)

    def seconds(self, flag: str) -> float:
        """Return a value that is a duration."""
        return self._number(flag, "number of seconds")

    def factor(self, flag: str) -> float:
        """Return a value that multiplies something."""
        return self._number(flag, "number above 0") or self._refuse(flag, "number above 0")

    def _number(self, flag: str, kind: str) -> float:
        try:
            number = float(self._find(flag)[0])
        except ValueError:
            number = -1.0
        return number if 0 <= number < FOREVER_S else self._refuse(flag, kind)

    def _refuse(self, flag: str, kind: str) -> NoReturn:
        text, source = self._find(flag)
        message = f"{source} is {text!r}: use a {kind}"
        raise UsageError(message)

    def count(self, flag: str) -> int:
        """Return a value that is a number of things."""
        text = self.text(flag)
        return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else self._refuse(flag, "whole number")

    def choice(self, flag: str) -> str:
        """Return a value that is one of a few words."""
        text, words = self.text(flag), BY_FLAG[flag].value.split("|")
        return text if text in words else self._refuse(flag, f"word of {', '.join(words)}")

    def _find(self, flag: str) -> tuple[str, str]:
        """Return the value of an option, and what the user calls the place where it is set.

        An empty value is one that is not set: that is how a shell or a CI file unsets a key.
        """
        option = BY_FLAG[flag]
        if flag in self._given:
            return self._given[flag], flag
        from_environ = self._environ.get(option.environ, "").strip()
        if from_environ:
            return from_environ, option.environ
        from_ini = self._ini(option.ini) if self._ini is not None and option.ini else None
        if from_ini:
            return str(from_ini), f"{option.ini} (ini-file)"
        return option.default, flag

    def is_given(self, flag: str) -> bool:
        """Return whether the command line has the option."""
        return flag in self._given


def check_combination(settings: Settings) -> None:
    """Refuse a command line that asks for two things at once, or has an option without the command that it is for.

    Raises:
        UsageError: it does; the text names the options.
    """
    given = [option for option in OPTIONS if settings.is_given(option.flag)]
    commands = [option.flag for option in given if option.is_command]
    if len(commands) > 1:
        message = f"{commands[0]} and {commands[1]} are two commands: give one at a time"
        raise UsageError(message)
    for option in given:
        if option.command and option.command not in commands:
            message = f"{option.flag} goes with {option.command}"
            raise UsageError(message)
