"""Whether a host would run the tests in the environment that they have here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTALLERS = frozenset({"pip", "uv"})
"""No test sees them: each machine has its own."""
LONGEST = 8
"""As many differences of packages are listed."""


class HostFacts(Record):
    """What an interpreter says of its environment.

    Attributes:
        python: its version.
        platform: system and machine.
        distributions: name of each installed distribution → its version.
        cores: how many workers the machine can have.
    """

    python: str
    platform: str
    distributions: Mapping[str, str]
    cores: int = 1


def differences(here: HostFacts, there: HostFacts) -> list[str]:
    """Return what is different there, as lines for the user; nothing if tests would see the same."""
    found = [
        f"{what}: {theirs} there, {ours} here"
        for what, ours, theirs in (
            ("Python", here.python, there.python),
            ("platform", here.platform, there.platform),
        )
        if ours != theirs
    ]
    ours, theirs = here.distributions, there.distributions
    packages = [
        f"{name} {theirs.get(name, 'missing')} there, {ours.get(name, 'missing')} here"
        for name in sorted({*ours, *theirs} - INSTALLERS)
        if ours.get(name) != theirs.get(name)
    ]
    more = len(packages) - LONGEST
    return [*found, *packages[:LONGEST], *([f"and {more} more packages"] if more > 0 else [])]
