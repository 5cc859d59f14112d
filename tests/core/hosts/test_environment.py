"""Whether a host would run the tests as they would run here."""

from __future__ import annotations

from pytest_zygote.core.hosts.environment import HostFacts, differences

HERE = HostFacts("cpython 3.12.1", "linux x86_64", {"pytest": "9.0", "numpy": "2.0"}, 4)


def test_cores_may_differ() -> None:
    """They are no part of the environment of a test."""
    assert differences(HERE, HERE.replaced(cores=64)) == []


def test_what_differs_is_listed() -> None:
    """Interpreter, platform, and each package."""
    there = HostFacts("cpython 3.13.0", "linux aarch64", {"pytest": "8.4", "attrs": "1"})
    assert differences(HERE, there) == [
        "Python: cpython 3.13.0 there, cpython 3.12.1 here",
        "platform: linux aarch64 there, linux x86_64 here",
        "attrs 1 there, missing here",
        "numpy missing there, 2.0 here",
        "pytest 8.4 there, 9.0 here",
    ]


def test_many_packages_are_counted() -> None:
    """Nobody reads hundreds of lines."""
    there = HERE.replaced(distributions={**HERE.distributions, **{f"p{at}": "1" for at in range(20)}})
    assert differences(HERE, there)[-1] == "and 12 more packages"


def test_installers_may_differ() -> None:
    """No test sees them: each machine has its own."""
    assert differences(HERE, HERE.replaced(distributions={**HERE.distributions, "pip": "26.0"})) == []
