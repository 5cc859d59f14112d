"""The options that a daemon must know: one value, which travels with each request and is compared with the last.

Which options these are, and how each is read, says the table in `core.cli.options`: an option with `daemon` set needs
nothing else than the place in the daemon that uses it.
"""

from __future__ import annotations

from pytest_zygote.core.cli.options import OPTIONS
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class DaemonOptions(Record):
    """The values of all options that a daemon must know, wherever they were set.

    Attributes:
        by_flag: flag → value, as text in one spelling, so that equal values are equal texts.
    """

    by_flag: dict[str, str]

    @property
    def settings(self) -> Settings:
        """The same values, to be read by flag."""
        return Settings(self.arguments(), {})

    def arguments(self) -> tuple[str, ...]:
        """Return the values as a command line."""
        return tuple(f"{flag}={value}" for flag, value in self.by_flag.items())

    def differences(self, earlier: DaemonOptions) -> dict[str, str]:
        """Return the flags whose values are not as they were, each with the sentence that shows it."""
        return {
            flag: f"{flag} is {value}, it was {earlier.by_flag.get(flag, '')}"
            for flag, value in self.by_flag.items()
            if value != earlier.by_flag.get(flag)
        }

    def overridden(self, pinned: Mapping[str, str], args: Iterable[str]) -> DaemonOptions:
        """Return these options of a request, but for those that the daemon's own command line has set.

        ``pytest --daemon --daemon-timeout=60`` holds for the daemon's life, unless the command line of a run has
        another value: environment and ini-files come last, here as everywhere.

        Args:
            pinned: flag → value of the daemon's command line.
            args: command line of the request.
        """
        on_command_line = Settings(args, {})
        held = {flag: value for flag, value in pinned.items() if not on_command_line.is_given(flag)}
        return DaemonOptions({**self.by_flag, **held})


def options_of(settings: Settings) -> DaemonOptions:
    """Return what a daemon must know of settings.

    Raises:
        UsageError: a value is not understood.
    """
    known = [option for option in OPTIONS if option.daemon]
    return DaemonOptions({option.flag: str(getattr(settings, option.daemon)(option.flag)) for option in known})


def pinned_by(settings: Settings) -> tuple[str, ...]:
    """Return the flags that hold for the daemon's life: those on the command line that starts it by name."""
    if not settings.is_given("--daemon"):
        return ()
    return tuple(option.flag for option in OPTIONS if option.daemon and settings.is_given(option.flag))


def ignored_globs(settings: Settings) -> tuple[str, ...]:
    """Return the globs of files whose events do not matter."""
    return tuple(glob for glob in settings.text("--daemon-ignore-watch-globs").split(":") if glob)
