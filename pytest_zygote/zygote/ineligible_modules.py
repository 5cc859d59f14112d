"""Which modules of a build can be in no layer, by what importing them does to the process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin, process_state
from pytest_zygote.adapters.interpreter.side_effects import MAKE
from pytest_zygote.core.layers.module_graph import FAILED
from pytest_zygote.core.protocol.errors import BuildError
from pytest_zygote.zygote.leak_check import LeakCheck, end_children

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.adapters.interpreter.import_recorder import Ledger
    from pytest_zygote.core.layers.import_effects import Became
    from pytest_zygote.core.protocol.layer_messages import Build


class IneligibleModulesError(BuildError):
    """Modules did at import what a process that forks must not have; without them the layer can be built."""

    def __init__(self, modules: dict[str, str]) -> None:
        """Name the modules, each with the reason."""
        super().__init__(next(iter(modules.values())))
        self.modules = modules


class IneligibleModules:
    """Collects them, with the modules that import them.

    Attributes:
        reasons: module → why it can be in no layer; the builder adds those that cannot be imported.
        state: of the process, once it has been looked at.
    """

    state: process_state.ProcessState
    _leaks: LeakCheck

    def __init__(self, plan: Build, ledger: Ledger) -> None:
        """Start with none; the ledger shows which modules are being executed."""
        self._is_base = plan.kind == "base"
        self._ledger = ledger
        self.reasons: dict[str, str] = {}
        self._variables: dict[str, tuple[str, ...]] = {}

    def start(self) -> None:
        """Take the process as it is for what each layer may have."""
        self.state = process_state.ProcessState(code_origin.is_own_module)
        self._leaks = LeakCheck()

    def stop(self) -> None:
        """Give the process back the state in which a run must find it."""
        self.state.restore()

    def raise_if_any(self) -> None:
        """End the build if there are any.

        Raises:
            IneligibleModulesError: there are.
        """
        if self.reasons:
            raise IneligibleModulesError(self.reasons)

    def reject(self, what: str) -> None:
        """Have no layer hold the module that is being executed, nor those that import it.

        Args:
            what: it does, as in "asks for the process id".
        """
        self._reject(what, self._ledger.stack)

    def _reject(self, what: str, stack: Sequence[str]) -> None:
        for module in stack:
            # The next run finds the folder, and may teach the module again.
            reason = f"{FAILED if what == MAKE else ''}{stack[-1]} {what} when it is imported"
            self.reasons.setdefault(module, reason)

    # While modules are imported: raising here could be caught by an importer's ``except Exception``

    def on_loaded(self, name: str) -> None:
        """Look at what is written into a module that has been executed."""
        self.state.loaded(name)
        if code_origin.is_own_module(name):
            self.state.may_change(name)

    def on_first_import(self, name: str) -> None:
        """Look at what code of the project may write into a module that it has imported."""
        if code_origin.is_own_module(self._ledger.stack[-1]):
            self.state.may_change(name)

    def on_turn(self) -> None:
        """Look at what the module has changed, and started, that was being executed until now."""
        stack = tuple(self._ledger.stack)
        if stack:
            started = self._leaks.threads(lambda: code_origin.is_own_module(stack[-1]))
            if started:
                for module in stack:
                    self.reasons.setdefault(module, f"{stack[-1]} starts a thread when it is imported ({started})")
            # Packages are not asked one by one for all: they hardly ever change the state of the process.
            look = self.state.patches if self._is_base else self.state.changes
            for change in look(stack[-1]):
                self._note_change(change, stack)
            self._leaks.look(stack)
        if not self._is_base:
            self._check_processes(stack[-1] if stack else "")

    def on_pid(self, file: str) -> None:
        """Note that the code in this file has asked for the process id."""
        # What Cython has compiled has the name of a file that was somewhere else, relative to there.
        stack = self._ledger.stack
        if code_origin.is_own(file) if os.path.isabs(file) or not stack else code_origin.is_own_module(stack[-1]):
            self.reject("asks for the process id")

    def on_variable(self, key: str, is_another: bool) -> None:  # noqa: FBT001 - a callback
        """Note who has set a variable past `os.environ`, until it is put back: numpy does so for one import."""
        if is_another:
            self._variables.setdefault(key, tuple(self._ledger.stack))
        else:
            self._variables.pop(key, None)

    def _note_change(self, change: Became, stack: tuple[str, ...]) -> None:
        if change.what in process_state.PRIVATE and not code_origin.is_own_module(stack[-1]):
            return
        what = process_state.ineligible(change)
        if not what and change.what.startswith("root ") and not self._is_base:
            # ``logging.basicConfig`` does nothing while pytest collects, and much before.
            what = "configures logging"
        if what:
            self._reject(what, stack)
        self._ledger.log.setdefault(stack[-1], []).append(change)

    def _check_processes(self, name: str) -> None:
        """Leave out a module of the project that a process has told something, which nobody has recorded.

        What installed packages ask the system (``ldconfig``, ``uname``) is taken to stay as it is.
        """
        if self._leaks.has_waited() and name and code_origin.is_own_module(name):
            self._reject("starts a process", (*self._ledger.stack, name))

    # Between two imports

    def on_imported(self, name: str) -> None:
        """Look at what the import of a module has left behind.

        Raises:
            IneligibleModulesError: a module did what makes this process useless, so nothing more need be imported.
        """
        if self._is_base:
            for change in self.state.changes(name):
                self._note_change(change, (name,))
        self._note_left(name)
        if not self._is_base:
            self._check_processes(name)
        if end_children():
            self.reasons[name] = f"{name} starts a process when it is imported"
        if any(not reason.startswith(FAILED) for reason in self.reasons.values()):
            self.raise_if_any()

    def _note_left(self, name: str) -> None:
        for stack in self._variables.values():
            self._reject("changes the environment past os.environ", stack)
        self._leaks.look((name,))
        for module, reason in self._leaks.settle(code_origin.is_own_module).items():
            if self.reasons.get(module, FAILED).startswith(FAILED):  # a thread says more than the stream it holds
                self.reasons[module] = reason
