"""Has the modules of a project layer find what importing those of the base has changed: no code does it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.effect_replay import change_path, write_key
from pytest_zygote.adapters.interpreter.process_state import become
from pytest_zygote.core.layers.import_effects import Became, PathGrew, PathShrank, Wrote
from pytest_zygote.core.layers.import_log import DigestWalk, lineage

if TYPE_CHECKING:
    from pytest_zygote.adapters.interpreter.environ_recorder import EnvironRecorder
    from pytest_zygote.adapters.interpreter.import_recorder import Ledger
    from pytest_zygote.adapters.interpreter.process_state import ProcessState
    from pytest_zygote.core.layers.import_effects import Event


class BaseEffects:
    """Does again what modules of the base have changed, when one of the project first imports them.

    No module of the project is held responsible: a run does the same when it admits the module of the base.
    """

    def __init__(self, ledger: Ledger, environ: EnvironRecorder, state: ProcessState, written: set[str]) -> None:
        """Start with nothing done.

        Args:
            ledger: has the logs of the base.
            environ: must not see what is written here.
            state: must not take what is changed here for somebody else's, and puts it back.
            written: gets the keys of the environment that are no input any more.
        """
        self._ledger = ledger
        self._environ = environ
        self._state = state
        self._written = written
        self._walk = DigestWalk(ledger.digests)

    def on_import(self, name: str) -> None:
        """Repeat what a module of the base, and the packages it is in, have changed: one of the project imports it."""
        events = [event for part in lineage(name) for _, event in self._walk.events(part)]
        if any(isinstance(event, (Became, PathGrew, PathShrank, Wrote)) for event in events):
            self._ledger.end_turn()
            self._environ.stop()
            for event in events:
                self._repeat(event)
            self._environ.start()
            self._ledger.accept_path()
            self._state.accept()

    def _repeat(self, event: Event) -> None:
        """Do it again, but for what each run does itself: compare what was read or asked for, and give warnings."""
        match event:
            case Wrote(key, value):
                write_key(key, value)
                self._written.add(key)
            case PathGrew() | PathShrank():
                change_path(event)
            case Became(what, value) if what != "fork handlers":  # those of the process stay for ever
                become(what, value)
            case _:
                pass
