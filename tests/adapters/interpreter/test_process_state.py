"""What modules change outside of themselves, and how it is undone and done again."""

from __future__ import annotations

import builtins
import contextlib
import contextvars
import csv
import decimal
import gc
import json
import logging
import os
import random
import signal
import sys
import threading
import time
import tracemalloc
import warnings
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import process_kinds, process_state
from pytest_zygote.adapters.interpreter.attribute_writes import MISSING, REPLACED
from pytest_zygote.adapters.interpreter.context_variables import own_context
from pytest_zygote.adapters.interpreter.process_kinds import is_same
from pytest_zygote.adapters.interpreter.process_state import ProcessState, become
from pytest_zygote.core.layers.import_effects import Became
from tests.support.twister import NAME as NUMPY
from tests.support.twister import Twister

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Setting = tuple[Callable[..., object], Callable[..., object], object]  # type: ignore[explicit-any]  # of any value


class Hostile:
    """Must never be asked whether it equals anything."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]  # see above


@pytest.fixture
def state() -> ProcessState:
    """Give what is unchanged when the test begins."""
    if "hypothesis.core" in sys.modules:
        # Its plugin does so when the first test of a process is called, which is after this.
        vars(sys.modules["hypothesis.core"])["running_under_pytest"] = True
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


@pytest.mark.parametrize("count", [4, 4 * 624, 4 * 2000])
def test_draws_from_numpy_are_told_from_seeds(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Its first draw makes other numbers of its state, as seeding does; what was seeded is made again in each run."""
    numpy = Twister()
    monkeypatch.setitem(sys.modules, NUMPY, numpy)
    state = ProcessState(lambda _name: False)
    numpy.bytes(count)
    (drawn,) = state.changes("app")
    numpy.seed(7)
    numpy.bytes(count)
    (seeded,) = state.changes("app")
    state.restore()

    assert process_state.ineligible(drawn) == "draws random numbers"
    assert (seeded.what, process_state.ineligible(seeded)) == (NUMPY, "")


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


def test_what_gettext_installs_is_undone_and_done_again(state: ProcessState, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gettext.install` puts ``_`` among the builtins, where nobody else has it while a layer is built."""
    monkeypatch.setattr("builtins._", translate := Hostile(), raising=False)

    (change,) = state.changes("app")
    state.restore()

    assert "_" not in vars(builtins)
    become(*change)
    assert vars(builtins)["_"] is translate


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


SETTINGS: dict[str, Setting] = {
    "switch interval": (sys.getswitchinterval, sys.setswitchinterval, 0.1),
    "depth of coroutines' origins": (
        sys.get_coroutine_origin_tracking_depth,
        sys.set_coroutine_origin_tracking_depth,
        3,
    ),
    "size of stacks": (process_kinds.KINDS["size of stacks"].read, threading.stack_size, 1 << 22),
    "flags of shared libraries": (sys.getdlopenflags, sys.setdlopenflags, os.RTLD_NOW | os.RTLD_GLOBAL),
    "limit of csv's fields": (csv.field_size_limit, csv.field_size_limit, 999),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_setting_is_undone_and_set_again(what: str, state: ProcessState) -> None:
    """Exactly: it is read as it would be in the process that set it."""
    read, put, value = SETTINGS[what]
    before = read()
    put(value)
    now = read()

    (change,) = state.changes("app")
    state.restore()

    assert (change.what, read()) == (what, before)
    become(*change)
    assert read() == now
    put(before)


@contextlib.contextmanager
def _blocking() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Set the time zone, and have nothing say so afterwards."""
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    del os.environ["TZ"]
    yield
    time.tzset()


@contextlib.contextmanager
def _renamed() -> Iterator[None]:
    main = threading.main_thread()
    before, main.name = main.name, "renamed"
    yield
    main.name = before


@contextlib.contextmanager
def _filtered() -> Iterator[None]:
    only = logging.Filter("app")
    logging.root.addFilter(only)
    yield
    logging.root.removeFilter(only)


@contextlib.contextmanager
def _less_precise() -> Iterator[None]:
    before, decimal.DefaultContext.prec = decimal.DefaultContext.prec, 5
    yield
    decimal.DefaultContext.prec = before


@pytest.mark.parametrize(
    ("effect", "reason"),
    [
        (_blocking, "changes which signals are blocked"),
        (_tracing, "changes tracemalloc"),
        (_elsewhere, "changes the time zone and not TZ"),
        (_renamed, "changes the main thread's name"),
        (_filtered, "changes root filters"),
        (_less_precise, "changes the decimal context of new threads"),
    ],
)
def test_what_no_other_process_can_have_done(
    effect: Callable[[], contextlib.AbstractContextManager[None]],
    reason: str,
    state: ProcessState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such a module is left to each run."""
    monkeypatch.delenv("TZ", raising=False)
    with effect():
        (change,) = state.changes("app")
        assert process_state.ineligible(change) == reason
        state.restore()


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
