"""Shared fixtures: set up in the run process, seen by all workers, torn down when the last one is gone.

Everything that the setting up of a shared fixture needs is set up here too and is shared with it.
All instances of a parametrised fixture live at the same time, since workers may ask for any.

pytest keeps a fixture's value and what tears it down in its definition. Here both are taken away
from it as soon as the value exists, and put into an `Instance`; when a definition is executed
again, in a worker, it is given the value and nothing that would tear it down.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING

import pytest
from _pytest.fixtures import resolve_fixture_function

from pytest_zygote.adapters import survival
from pytest_zygote.workers import wire
from pytest_zygote.workers.instance import (
    KEEPING,
    NOTHING,
    Captured,
    Instance,
    closed,
    finish,
    is_disposable,
    renew,
    warned,
)
from pytest_zygote.workers.sharing import DECLARED, sharing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _pytest.fixtures import SubRequest

    from pytest_zygote.workers.instance import Keeping

PER_WORKER = ("worker_id", "testrun_uid")
"""Fixtures that are something else in each worker."""
LATE = (
    "the shared fixture {!r} was asked for while tests run, and is sent to the worker then: {}. Name it as an argument "
    "of the test, or in @pytest.mark.usefixtures, and it is set up before the fork."
)


class Host:
    """Owns the shared fixtures of a session."""

    def __init__(self, session: pytest.Session) -> None:
        """Own nothing yet."""
        self._session = session
        self._keeping: Keeping | None = session.config.pluginmanager.getplugin(KEEPING)
        self._instances: list[Instance] = []
        self._last: dict[int, pytest.Item] = {}
        self._connections: dict[tuple[int, int], str] = {}
        self._is_owner = True
        self._ask: Callable[[int, str], object] | None = None
        self._refused: set[int] = set()

    # Setting up

    def set_up(self) -> list[str]:
        """Set up what tests that will run need; return why some fixtures cannot be shared.

        Raises:
            pytest.UsageError: one is declared shared that is no session fixture.
        """
        if not DECLARED:
            return []
        self._session.config.pluginmanager.register(self, "zygote_host")
        for item, name, definition in self._needs():
            self._last[id(definition)] = item
            if not self._find_for(item, name, definition):
                self.make(item, name)
        return self._refuse()

    def _needs(self) -> Iterator[tuple[pytest.Item, str, pytest.FixtureDef[object]]]:
        for item in self._session.items:
            info = getattr(item, "_fixtureinfo", None)
            if info is None:
                continue
            for name in info.names_closure:
                definitions = info.name2fixturedefs.get(name)
                if definitions and sharing_of(definitions[-1]) is not None:
                    yield item, name, definitions[-1]

    def find_for(self, item: pytest.Item, name: str) -> Instance | None:
        """Return the value that a fixture has for a test; None if it has not been set up here."""
        return self._find_for(item, name, self._definition(item, name))

    def _definition(self, item: pytest.Item, name: str) -> pytest.FixtureDef[object]:
        """Return what a test gets by this name, also if only its body asks for it."""
        return self._session._fixturemanager.getfixturedefs(name, item)[-1]  # type: ignore[index]

    def _find_for(self, item: pytest.Item, name: str, definition: pytest.FixtureDef[object]) -> Instance | None:
        spec = getattr(item, "callspec", None)
        key = spec.params.get(name) if spec is not None else None
        return self.find(definition, key)

    def find(self, definition: pytest.FixtureDef[object], key: object) -> Instance | None:
        """Return the value of a fixture for a parameter; None if it has not been set up here."""
        return next((instance for instance in self._instances if instance.is_for(definition, key)), None)

    def make(self, item: pytest.Item, name: str) -> None:
        """Set up a fixture for a test, with all that it needs; errors are kept for those who ask for it."""
        state = self._session._setupstate
        self._connections = survival.connections()
        item._initrequest()  # type: ignore[attr-defined]
        # As if the test was being set up; only the session's own fixtures will be.
        state.stack.update({self._session: ([], None), item: ([], None)})
        try:
            with warned(item):
                item._request._get_active_fixturedef(name)  # type: ignore[attr-defined]
        except (pytest.exit.Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - the fixture's own: the instance has it
            self._keep_error(item, name, error)
        finally:
            item._initrequest()  # type: ignore[attr-defined]  # what it has seen is not what workers give it
            for instance in self._instances:
                instance.definition.cached_result = None
                instance.definition._finalizers.clear()
            state.stack.clear()

    def _keep_error(self, item: pytest.Item, name: str, error: BaseException) -> None:
        """Keep an error that came before the fixture itself was called: of one that it needs, say."""
        definition = self._definition(item, name)
        if self._find_for(item, name, definition) is None:
            spec = getattr(item, "callspec", None)
            request = item._request  # type: ignore[attr-defined]
            instance = Instance(request, definition)
            instance.key = spec.params.get(name) if spec is not None else None
            instance.fail(error)
            self._instances.append(instance)

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object], request: SubRequest) -> object | None:
        """Give the value that exists; make it here, where it is to live; leave other fixtures to pytest."""
        __tracebackhide__ = True
        instance = self.find(fixturedef, fixturedef.cache_key(request))
        if instance is None and self._is_owner:
            instance = self._evaluate(fixturedef, request)
        elif instance is None and self._can_ask_for(fixturedef):
            instance = self._fetch(fixturedef, request)
        if instance is None or (instance.reason and not self._is_owner):
            return None
        return self._give(instance)

    def _can_ask_for(self, definition: pytest.FixtureDef[object]) -> bool:
        return self._ask is not None and sharing_of(definition) is not None and id(definition) not in self._refused

    def _give(self, instance: Instance) -> object:
        """Do what pytest's own hook does at its end."""
        __tracebackhide__ = True
        definition, error = instance.definition, instance.error
        if instance.is_fresh and not self._is_owner:
            instance.is_fresh = False
            sys.stdout.write(instance.output)
            renew(instance)
        if error is not None:
            definition.cached_result = (None, instance.key, (error, instance.traceback))
            raise error.with_traceback(instance.traceback)
        definition.cached_result = (instance.value, instance.key, None)
        # A hook that returns None has not answered, and pytest would set the fixture up itself.
        return instance.value if instance.value is not None else NOTHING

    def _evaluate(self, definition: pytest.FixtureDef[object], request: SubRequest) -> Instance:
        """Call the function of a fixture, and take over what would tear it down."""
        __tracebackhide__ = True
        instance = Instance(request, definition)
        before = len(definition._finalizers)
        try:
            with Captured(self._session.config, instance):
                if self._keeping is not None and self._keeping.provide(instance):
                    return self._add(instance)
                arguments = {name: request.getfixturevalue(name) for name in definition.argnames}
                self._call(instance, resolve_fixture_function(definition, request)(**arguments))
        except (pytest.exit.Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - the test's outcome, in each worker
            instance.fail(error)
        instance.finalizers[:0] = definition._finalizers[before:]
        del definition._finalizers[before:]
        instance.reason = self._why_not(instance)
        return self._add(instance)

    def _add(self, instance: Instance) -> Instance:
        self._instances.append(instance)
        return instance

    def _call(self, instance: Instance, result: object) -> None:
        __tracebackhide__ = True
        if inspect.isgenerator(result):
            instance.value = next(result)
            instance.finalizers.append(functools.partial(finish, result))
        else:
            instance.value = result

    # What cannot be shared

    def _why_not(self, instance: Instance) -> str:
        if instance.definition.argname in PER_WORKER:
            return "it is another one in each worker"
        for other in self._instances:
            if other.reason and other.definition.argname in instance.definition.argnames:
                return f"it needs {other.definition.argname!r}: {other.reason}"
        if inspect.iscoroutine(instance.value) or inspect.isasyncgen(instance.value):
            return "it is asynchronous, and an event loop does not survive a fork"
        if instance.sharing.after_fork is not None or is_disposable(instance.value):
            return ""
        held = survival.unsafe(instance.value)
        if held:
            return f"it holds {held}, which does not survive a fork"
        new = {end: peer for end, peer in survival.connections().items() if end not in self._connections}
        self._connections.update(new)
        peers = ", ".join(sorted(new.values()))
        return f"it is connected to {peers}, and a connection does not survive a fork" if peers else ""

    def _refuse(self) -> list[str]:
        """Tear down what cannot be shared, before the fork; return the reasons."""
        refused = [instance for instance in reversed(self._instances) if instance.reason]
        for instance in refused:
            self._close(instance)
        self._instances = [instance for instance in self._instances if not instance.reason]
        self._refused |= {id(instance.definition) for instance in refused}
        return [
            f"fixture {instance.definition.argname!r} is set up in each worker: {instance.reason}"
            for instance in reversed(refused)
            if sharing_of(instance.definition) is not None
        ]

    # In a worker

    def become_guest(self, ask: Callable[[int, str], object]) -> None:
        """Be in a worker: nothing is set up here, and nothing torn down; what is missing is asked for."""
        self._is_owner = False
        self._ask = ask

    def _fetch(self, definition: pytest.FixtureDef[object], request: SubRequest) -> Instance:
        assert self._ask is not None  # noqa: S101 - the caller has looked
        instance = Instance(request, definition)
        item = self._session.items.index(request._pyfuncitem)
        answer = self._ask(item, definition.argname)
        if isinstance(answer, wire.Refusal):
            instance.fail(pytest.fail.Exception(LATE.format(definition.argname, answer.reason), pytrace=False))
        else:
            instance.value = answer
        instance.is_fresh = False
        self._instances.append(instance)
        return instance

    def lend(self, item: pytest.Item, name: str) -> object:
        """Return a value for a worker that asks for it late, or an error that it raised."""
        definition = self._definition(item, name)
        self._last[id(definition)] = item
        if self._find_for(item, name, definition) is None:
            self.make(item, name)
        instance = self._find_for(item, name, definition)
        if instance is None or instance.error is not None or instance.reason:
            return wire.Refusal("" if instance is None else instance.reason or f"it raised {instance.error!r}")
        return instance.value

    # The end

    def tear_down(self) -> None:
        """Tear everything down, the last first."""
        for instance in self.give_up():
            self._close(instance)

    def give_up(self) -> list[Instance]:
        """Own nothing any more; return what there was, the last first, for somebody else to tear down."""
        given, self._instances = self._instances[::-1], []
        return given

    def _close(self, instance: Instance) -> None:
        with warned(instance.item):
            call = pytest.CallInfo.from_call(
                functools.partial(closed, self._session.config, instance),
                when="teardown",
                reraise=(pytest.exit.Exception, KeyboardInterrupt),
            )
        if call.excinfo is not None:
            item = self._last.get(id(instance.definition), instance.item)
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
            if instance.output:
                report.sections.append(("Captured output teardown", instance.output))
            item.ihook.pytest_runtest_logreport(report=report)
