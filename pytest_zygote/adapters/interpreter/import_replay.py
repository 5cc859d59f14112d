"""Admits the modules of a layer to a run when the run's code first imports them.

A fresh interpreter would execute the module now, and all that it imports and that was not
imported before. Here their logs are read instead (`adapters.interpreter.import_recorder`): what they read must be
the same now, and what they did is done again. If it is not the same, the layer is *disturbed* for
this run, which starts over from a shallower one.

Only digests of the logs are read (`core.layers.import_log`): imports that lead to nothing cost nothing, however
many they are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.effect_replay import repeat, unbind
from pytest_zygote.adapters.interpreter.private import importing
from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.adapters.interpreter.warning_replay import WarningReplay
from pytest_zygote.core.layers.disturbance import Disturbance
from pytest_zygote.core.layers.import_effects import ATTRIBUTE, Asked, Became, PathGrew, Read, Warned
from pytest_zygote.core.layers.import_log import DigestWalk, changed_too_early, executed_by, imported_by, lineage
from pytest_zygote.core.layers.layer_inputs import environ_differences
from pytest_zygote.core.layers.module_graph import WRITTEN
from pytest_zygote.core.reachable import reachable
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from pytest_zygote.adapters.interpreter.run_state import RunState


class ImportReplay:
    """The modules of a layer that a run has imported so far.

    Attributes:
        admitted: the modules of the layer that the run's code has imported.
        started: the modules that the run loaded itself, in the order in which they were begun.
        given: the environment when the first module of the project was imported.
        is_exact: whether changes of modules still count: while tests run, they are the tests' affair.
        on_found: called with the file of each module before it is loaded ('' for none).
        pid: the process whose imports count; those of processes that tests fork do not.
    """

    def __init__(self, surroundings: RunState) -> None:
        """Start with none."""
        self._s = surroundings
        self.admitted: set[str] = set()
        self._named: list[str] = []
        self._walk = DigestWalk(surroundings.digests)
        self._compared: set[str] = set()
        self._written: dict[tuple[str, object], object] = {}
        self._disturbance = Disturbance(surroundings.importers, surroundings.own)
        self._warnings = WarningReplay(surroundings.log)
        self._lock_unlock = importing.lock_unlock_module.function
        self._from_list = importing.handle_fromlist.function
        self._find = importing.find_spec.function
        self.started: list[str] = []
        self.given: dict[str, str] | None = None
        self.is_exact = True
        self.on_found: Callable[[str], None] = lambda _: None
        self.pid = os.getpid()

    def start(self) -> None:
        """Be told of first imports from now on."""
        known = self._s.known
        admitted = self.admitted

        def lock_unlock(name: str) -> None:
            if name in known and name not in admitted:
                self._see(name)
            else:
                self._s.unmark(name) if name in admitted else self._lock_unlock(name)

        def from_list(module: ModuleType, names: Iterable[str], import_: object, *, recursive: bool = False) -> object:
            package = (dict_of(module) or {}).get("__name__", "")
            for name in names:
                full = f"{package}.{name}"
                if full in known and full not in admitted:
                    self._see(full)
            return self._from_list(module, names, import_, recursive=recursive)

        importing.disguise(lock_unlock, from_list, ImportReplay._see, ImportReplay._admit)
        importing.lock_unlock_module.function = lock_unlock
        importing.handle_fromlist.function = from_list
        self._watch_loads()
        for package, child in self._s.submodules:
            unbind(package, child)

    def _watch_loads(self) -> None:
        """Note which modules the run loads itself; `sys.modules` has them in the order of completion.

        A module is found before it is loaded. A frame of ours around the loading would stand in the
        traceback of an import that fails.
        """

        def find_spec(name: str, path: object, target: object = None) -> ModuleSpec | None:
            package = name.rpartition(".")[0]
            if package in self._s.known and package not in self.admitted:
                # The interpreter imports a package before its submodule only if it is not loaded; ``import six.moves``
                # is found by a hook that executing `six` installs.
                self._see(package)
            spec = self._find(name, path, target)
            if spec is not None and self.is_exact:
                self._note_load(name, (spec.origin or "") if spec.has_location else "")
            return spec

        importing.disguise(find_spec, ImportReplay._see, ImportReplay._admit)
        importing.find_spec.function = find_spec

    def _note_load(self, name: str, origin: str) -> None:
        self.started.append(name)
        self.on_found(origin)
        if self.given is None and origin and self._s.is_own(origin):
            self.given = dict(os.environ)

    def _see(self, name: str) -> None:
        for prefix in lineage(name):
            if prefix in self._s.known and prefix not in self.admitted:
                self._admit(prefix)

    def _admit(self, name: str) -> None:
        if name in self._s.own:
            if self.given is None:
                self.given = dict(os.environ)
            if self.is_exact:
                self._check(name)
            self._named.append(name)
        self.admitted.add(name)
        self._s.unmark(name)
        self._replay(name)
        if not self.is_exact:
            self._check_touched()

    def _check(self, name: str) -> None:
        """See whether the module would be what it is, were it executed now."""
        self._check_finding(name)
        self._check_path(name)
        self._check_changes(name)

    def _check_path(self, name: str) -> None:
        """See whether `sys.path` leads to what the layer has imported."""
        moved = self._s.moved()
        if moved:
            moved = {other: where for other, where in moved.items() if where or not self._is_led_to(name, other)}
        if moved:
            executed = self._executed()
            moved = {other: where for other, where in moved.items() if other not in executed}
        if moved and name in self._disturbance.affected(moved):
            suspect, where = next(
                (other, moved[other]) for other in moved if name in self._disturbance.affected((other,))
            )
            self._refuse(Reason("module-moved", f"{suspect} is {where or 'not found'} for this run"), (suspect,))

    def _check_changes(self, name: str) -> None:
        """See whether the run has changed a module that this one has read."""
        changed = self._s.changed(self._named, self._written)
        if changed:
            self._disturbance.change(changed, self._executed())
        found = self._disturbance.of(name)
        if found is not None:
            what, suspects = found
            self._refuse(Reason("imported-too-early", f"{name} was imported before {what} was set"), suspects)

    def _note_written(self, owner: str, key: object, value: object) -> None:
        """Note that a library has changed a module of others: who has not named the attribute has not read another.

        `typing_extensions` changes `typing`, and nearly all import both, in any order.
        """
        self._written[owner, key] = value
        readers = self._s.readers.get((owner, key))
        if readers:
            self._disturbance.read(f"{owner}.{key}", readers, self._executed())

    def _check_finding(self, name: str) -> None:
        """See whether an import would read what the layer has read: the same files, with no hook of the run between."""
        hook = self._s.hook()
        if hook:
            text = f"{hook} was installed before {name} was imported, and may change what imports are"
            self._refuse(Reason("import-hook", text), tuple(sorted(self._s.own)))

        def following(module: str) -> list[str]:
            return [other for other in imported_by(module, self._s.log) if other in self._s.own]

        for module in reachable(self._s.own & {name}, following, self._compared):
            path = self._s.rewritten(module)
            if path:
                self._refuse(Reason("file-rewritten", f"{WRITTEN}{path}"), (module,))

    def _is_led_to(self, name: str, other: str) -> bool:
        """Return whether executing one module adds to `sys.path` the folder in which the other is found."""
        log = self._s.log
        added = (
            event.entry for part in executed_by([name], log) for event in log.get(part, ()) if type(event) is PathGrew
        )
        return os.path.normpath(self._s.home_of(other)) in map(os.path.normpath, added)

    def _executed(self) -> set[str]:
        """Return what a fresh interpreter would have executed by now."""
        return executed_by(self.admitted, self._s.log)

    def _replay(self, name: str) -> None:
        for names, event in self._walk.events(name):
            match event:
                case Read(key, seen):
                    self._compare(names[-1], key, seen)
                case Asked(what, seen):
                    self._compare_answer(names[-1], what, seen)
                case Warned():
                    self._warn(names, event)
                case _:
                    repeat(event, self._s.become)
                    if type(event) is Became and event.what.startswith(ATTRIBUTE) and names[-1] not in self._s.own:
                        self._note_written(*event.value)  # type: ignore[misc]  # owner, key, value

    def _compare(self, name: str, key: str, seen: str) -> None:
        changed = environ_differences({key: seen}, self._s.environ, os.environ)
        if not changed:
            return
        # Set since the first import: a layer has one environment, so it can never hold this module.
        given = self.given
        is_late = given is not None and any(given.get(other) != os.environ.get(other) for other in changed)
        what = "it" if changed == (key,) else ", ".join(changed)
        text = f"{name} reads {key} when it is imported, and the run has changed {what}"
        self._refuse(Reason("environment-read", text), (name,) if is_late or not self.is_exact else ())

    def _compare_answer(self, name: str, what: str, seen: object) -> None:
        if self._s.answer(what) != seen:
            text = f"{name} asks for {what} when it is imported, and this run has another answer"
            # An installed package may be needed by all: it stays in the layer of the runs that it is right for.
            self._refuse(Reason("process-asked", text), (name,) if name in self._s.own else ())

    def _warn(self, names: list[str], event: Warned) -> None:
        try:
            self._warnings.give(names, event)
        except Warning:
            if self.is_exact:
                self._refuse(
                    Reason("import-warning", f"{names[-1]} warns when it is imported, and that is an error"), ()
                )
            raise

    def _refuse(self, reason: Reason, suspects: tuple[str, ...]) -> None:
        if os.getpid() == self.pid:
            self._s.refuse(reason, suspects)

    def finish(self) -> None:
        """Collection has ended: from now on a test may be the first to import a module, and change what it likes."""
        self._check_touched()
        self.is_exact = False

    def _check_touched(self) -> None:
        """See whether a module that was imported holds what one that was not has put there: that was too early."""
        early = changed_too_early(self._s.touched, self._executed() if self._s.touched else ())
        if early:
            module, name = min(early.items())
            text = f"{module} changes what {name} holds when it is imported, and this run has imported {name} alone"
            self._refuse(Reason("imported-too-early", text), tuple(sorted(early)))
