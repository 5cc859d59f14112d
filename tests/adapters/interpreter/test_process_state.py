"""What modules change outside of themselves, and how it is undone and done again."""

from __future__ import annotations

import contextvars
import decimal
import gc
import json
import logging
import random
import signal
import sys
import warnings

import pytest

from pytest_zygote.adapters.interpreter import process_kinds, process_state
from pytest_zygote.adapters.interpreter.attribute_writes import MISSING, REPLACED
from pytest_zygote.adapters.interpreter.context_variables import own_context
from pytest_zygote.adapters.interpreter.process_kinds import is_same
from pytest_zygote.adapters.interpreter.process_state import ProcessState, become
from pytest_zygote.core.layers.import_effects import Became


class Hostile:
    """Must never be asked whether it equals anything."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]  # see above


@pytest.fixture
def state() -> ProcessState:
    """Give what is unchanged when the test begins."""
    return ProcessState(lambda _: True)


def test_nothing_has_changed(state: ProcessState) -> None:
    """Nor is it told."""
    assert list(state.changes("app")) == []
    state.restore()


def test_who_draws_random_numbers_is_told(state: ProcessState) -> None:
    """Nobody knows the seed: the next run would draw others. Of a library, any will do."""
    for _ in range(1000):  # more than a generator makes at once
        random.random()  # noqa: S311 - nothing is kept secret
    (change,) = state.changes("app")
    state.restore()
    assert process_state.ineligible(change) == "draws random numbers"
    assert change.what in process_state.PRIVATE


def test_a_patched_function_is_undone_and_done_again(state: ProcessState, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new attribute is taken away again."""
    plain, other = json.dumps, Hostile()
    monkeypatch.setattr(json, "dumps", other)
    monkeypatch.setattr(json, "extra", other, raising=False)

    changes = list(state.changes("app"))
    state.restore()

    assert {change.what for change in changes} == {"attribute of json.dumps", "attribute of json.extra"}
    assert json.dumps is plain
    assert not hasattr(json, "extra")
    for change in changes:
        become(*change)
    assert vars(json)["extra"] is vars(json)["dumps"] is other


def test_the_standard_library_may_write_into_itself(state: ProcessState, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a module of it is executed, this is nobody's change, and stays."""
    monkeypatch.setattr(json, "dumps", other := Hostile())
    assert list(state.changes("json.tool")) == []

    state.restore()

    assert vars(json)["dumps"] is other


def test_changes_of_the_process_are_undone_and_done_again(state: ProcessState) -> None:
    """Each by the name of its kind."""
    precision, handler = decimal.getcontext().prec, signal.getsignal(signal.SIGWINCH)
    decimal.getcontext().prec = 6
    gc.disable()
    signal.signal(signal.SIGWINCH, print)
    finder = Hostile()
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]  # nobody asks it

    changes = list(state.changes("app"))
    state.restore()

    winch = f"the handler of signal {signal.SIGWINCH:d}"
    assert [change.what for change in changes] == ["gc", "import hooks", winch, "decimal context"]
    assert (decimal.getcontext().prec, gc.isenabled(), signal.getsignal(signal.SIGWINCH)) == (precision, True, handler)
    assert id(finder) not in map(id, sys.meta_path)
    for change in changes:
        become(*change)
    assert (decimal.getcontext().prec, gc.isenabled(), signal.getsignal(signal.SIGWINCH)) == (6, False, print)
    assert id(sys.meta_path.pop(0)) == id(finder)
    signal.signal(signal.SIGWINCH, handler)
    gc.enable()
    decimal.getcontext().prec = precision


def test_a_layer_has_a_decimal_context_of_its_own() -> None:
    """Whoever sets its precision changes the one object that there is."""
    precision = decimal.getcontext().prec

    own_context().run(lambda: setattr(decimal.getcontext(), "prec", precision + 1))

    assert decimal.getcontext().prec == precision


def test_filters_of_warnings_are_added_to_those_of_a_run() -> None:
    """What it has before them, a library has put there after what the run has: its own come first, and no others."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # as while a layer is built
        state = ProcessState(lambda _: False)
        warnings.filterwarnings("ignore", "quiet")
        warnings.filterwarnings("error", "last", append=True)
        (change,) = state.changes("library")
        state.restore()
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.filterwarnings("ignore", "of the run")
        warnings.simplefilter("default")
        mine = list(warnings.filters)
        become(*change)

        assert [entry[0] for entry in warnings.filters if entry not in mine] == ["ignore", "error"]
        assert warnings.filters[1:-1] == mine


def test_a_logger_is_configured_anew(state: ProcessState) -> None:
    """A run has handlers of pytest's there, which stay."""
    logger, ours, pytests = logging.getLogger("pytest_zygote.tests.some"), logging.NullHandler(), logging.NullHandler()
    logger.setLevel(5)
    logger.propagate = False
    logger.addHandler(ours)

    changes = list(state.changes("app"))
    state.restore()

    assert [change.what for change in changes] == [f"the logger {logger.name}"]
    assert (logger.level, logger.propagate, logger.handlers) == (0, True, [])
    logger.addHandler(pytests)
    become(*changes[0])
    assert (logger.level, logger.propagate, logger.handlers) == (5, False, [pytests, ours])
    process_kinds.put_exactly(f"the logger {logger.name}", (0, True, False, (), ()))


@pytest.mark.parametrize(
    ("what", "value", "reason"),
    [
        ("sys.argv", (), "changes sys.argv"),
        ("attribute of os.fork", ("os", "fork", None), "changes os.fork"),
        ("attribute of sys.stdout", ("sys", "stdout", None), "changes sys.stdout"),
        ("attribute of sys.displayhook", ("sys", "displayhook", None), ""),
        ("attribute of threading.excepthook", ("threading", "excepthook", None), ""),
        ("attribute of json.dumps", ("json", "dumps", MISSING), ""),
        ("gc", (True, (1, 2, 3), 0), ""),
        ("the handler of signal 2", None, ""),
    ],
)
def test_only_what_another_process_can_do_again_is_eligible(what: str, value: object, reason: str) -> None:
    """Arguments, limits and streams are a process's own; what forks and serves must not be patched."""
    assert process_state.ineligible(Became(what, value)) == reason


def test_objects_of_others_are_compared_by_identity() -> None:
    """Also those in tuples; plain values by equality, if they are of one type."""
    one = Hostile()
    assert is_same((1, one), (1, one))
    assert not is_same((1, one), (1, Hostile()))
    assert not is_same(1, True)  # noqa: FBT003 - a value


@pytest.mark.skipif(sys.version_info < (3, 15), reason="imports are never lazy")
def test_who_makes_imports_lazy_is_in_no_layer(state: ProcessState) -> None:
    """It would hold for all that is imported later, by whomever."""
    if sys.version_info >= (3, 15):
        sys.set_lazy_imports("all")
        changes = {change.what: change for change in state.changes("app")}
        sys.set_lazy_imports("normal")
        state.restore()

        assert process_state.ineligible(changes["which imports are lazy"]) == "changes which imports are lazy"


def test_context_variables_are_set_again(state: ProcessState) -> None:
    """In a layer's context they cannot be unset, so that is left when it is built."""
    variable: contextvars.ContextVar[object] = contextvars.ContextVar("variable")
    value = Hostile()

    def build() -> list[Became]:
        variable.set(value)
        found = list(state.changes("app"))
        state.restore()
        return found

    (change,) = contextvars.copy_context().run(build)

    assert change.what.startswith("the context variable variable")
    assert not process_state.ineligible(change)
    assert variable.get(None) is None
    token = variable.set(None)
    become(*change)
    assert variable.get() is value
    variable.reset(token)


def test_a_list_that_was_written_anew_makes_its_writer_ineligible() -> None:
    """What has gone or moved nobody can do again in another process."""
    change = Became("attribute of app.registry.ORDER.[…]", ("app.registry:ORDER", REPLACED, None))
    assert process_state.ineligible(change) == "changes app.registry.ORDER"
