"""Tells which code of the project ran since the last time it was asked, by probes in it: Python 3.10 and 3.11.

`sys.setprofile` would make a suite take twice as long. Instead, each module of the project gets a probe in
each of its functions just before it is executed (`core.affected.probes`,
`adapters.interpreter.loader_patch`): a byte that is set. So no compiled file is written with probes, and
none need be. Code that is executed in other ways (`runpy`, a program's own ``exec``) is only known as a
file: the audit event ``exec`` tells of it.
"""

from __future__ import annotations

import sys
from types import CodeType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.loader_patch import Executed
from pytest_zygote.affected.executions import frame_above, identity
from pytest_zygote.core.affected import probes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from types import FrameType, FunctionType, ModuleType


class ProbedExecutions:
    """Collects the code objects that start: as `executions.Executions` does, which see."""

    def __init__(
        self,
        is_own: Callable[[str], bool],
        on_module: Callable[[CodeType, Mapping[str, object], FrameType | None], None],
    ) -> None:
        """Watch nothing yet; the arguments are those of the other class."""
        self._is_own = is_own
        self._on_module = on_module
        self._modules = Executed(self._entered)
        self._slots = probes.Slots()
        self._codes: list[CodeType] = []
        self._with_probes: set[int] = set()
        self._without_probes: dict[str, CodeType] = {}
        self._replaced: list[tuple[FunctionType, CodeType]] = []
        self.is_watching = False

    def start(self, watched: Mapping[FunctionType, Callable[[FrameType], None]]) -> None:
        """Watch from now on; call these functions whenever those start."""
        if sys.implementation.name != "cpython":
            return
        try:
            self._modules.start()
            for function, see in watched.items():
                self._replaced.append((function, function.__code__))
                function.__code__ = probes.calling(function.__code__, _teller(see))
        except (LookupError, ValueError):
            self.stop()
            return
        self.is_watching = True
        sys.addaudithook(self._auditor())

    def stop(self) -> None:
        """Watch no more; probes that are there set bytes that nobody looks at."""
        self._modules.stop()
        for function, code in self._replaced:
            function.__code__ = code
        self._replaced.clear()
        self.is_watching = False

    def drain(self) -> list[CodeType]:
        """Return what started since the last time, as it was before it had probes, and what may have."""
        slots, codes, started = self._slots, self._codes, [*self._without_probes.values()]
        at = slots.find(1)
        while at >= 0:
            slots[at] = 0
            started.append(codes[at])
            at = slots.find(1, at + 1)
        return started

    def restart(self, known: AbstractSet[str] = frozenset()) -> None:
        """Do nothing: a probe tells each time."""

    # Putting probes in

    def _entered(self, code: CodeType, module: ModuleType) -> CodeType:
        """Return a module's code with probes, if it is the project's; it is about to start."""
        if not self._is_own(code.co_filename):
            return code
        self._on_module(code, vars(module), frame_above(1))
        try:
            probed = probes.probed(code, self._slots, self._number_of)
        except Exception:  # noqa: BLE001 - whatever it is, the module must be imported: it is code without probes
            return code
        self._with_probes.add(identity(probed))
        self._slots[self._number_of(code)] = 1
        return probed

    def _number_of(self, code: CodeType) -> int:
        self._codes.append(code)
        self._slots.append(0)
        return len(self._codes) - 1

    def _auditor(self) -> Callable[[str, tuple[object, ...]], None]:
        """Return what hears of code that is executed otherwise."""
        known, others, is_own = self._with_probes, self._without_probes, self._is_own

        def audit(event: str, args: tuple[object, ...]) -> None:
            if event == "exec" and isinstance(code := args[0], CodeType) and self.is_watching:
                if identity(code) in known:
                    known.discard(identity(code))
                elif code.co_filename[:1] != "<" and is_own(code.co_filename):
                    others.setdefault(code.co_filename, code)

        return audit


def _teller(see: Callable[[FrameType], None]) -> Callable[[], None]:
    def tell() -> None:
        try:  # noqa: SIM105 - a context manager is slow
            see(frame_above(1))
        except Exception:  # noqa: BLE001, S110 - whatever it is, it must not reach the test
            pass

    return tell
