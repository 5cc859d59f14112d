"""Errors form one tree, so that an edge can catch what was raised on purpose, and nothing else."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest

from pytest_zygote.core.protocol import errors
from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.core.reasons import Reason

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_one_of_ours(kind: type[BaseException]) -> None:
    """Whoever catches `ZygoteError` catches all."""
    assert issubclass(kind, ZygoteError)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_in_the_docstring_names_every_error(kind: type[BaseException]) -> None:
    """The module's docstring draws the whole tree."""
    assert kind.__name__ in str(errors.__doc__)


def test_the_tree_in_the_docstring_names_those_of_other_rooms() -> None:
    """Whoever defines one adds it there."""
    package = Path(errors.__file__).parent.parent.parent
    names = "|".join(kind.__name__ for kind in KINDS)
    texts = (file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    found = {name for text in texts for name in re.findall(rf"^class (\w+)\((?:{names})\):", text, re.MULTILINE)}

    assert found - {*re.findall(r"\w+", str(errors.__doc__))} == set()


def test_only_errors_of_others_are_outside_of_the_tree() -> None:
    """Those of packages whose names we have, those of the user's code in a worker, and one that a self-check raises."""
    package = Path(errors.__file__).parent.parent.parent
    kinds = "|".join(
        name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)
    )
    texts = (file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    found = {name for text in texts for name in re.findall(rf"^class (\w+)\((?:{kinds})\):", text, re.MULTILINE)}

    assert found == {"ZygoteError", "TestError", "StoreValueNotExists", "WorkerError", "_Called"}


@pytest.mark.parametrize("kind", [errors.LocalProtocolError, errors.RemoteProtocolError])
def test_both_sides_break_the_same_protocol(kind: type[BaseException]) -> None:
    """A broken protocol is caught as one thing, whoever broke it."""
    assert issubclass(kind, errors.ProtocolError)
    assert not issubclass(errors.LocalProtocolError, errors.RemoteProtocolError)


def test_an_error_reads_as_the_sentence_for_the_user() -> None:
    """No prefix, no code: what was raised is what is shown."""
    assert str(errors.Unavailable(Reason("no-daemon", "no daemon is running"))) == "no daemon is running"
