"""Runs one command, times it, and believes nothing: a run counts only if it ran the tests it was asked for."""

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

DEADLINE = 300.0
"""Seconds after which a command is taken to hang."""

_OUTCOME = re.compile(r"\b(\d+) (passed|failed|errors?|skipped)\b")


class UntrueRunError(Exception):
    """A run did not do what its figure says it does, so its time means nothing."""


@dataclass(frozen=True)
class Run:
    """One command that has ended.

    Attributes:
        command: what was run.
        seconds: from just before its start until its end was known.
        code: the exit code, or the negative number of the signal that ended it.
        out: what it wrote to standard output.
        err: what it wrote to standard error.
    """

    command: tuple[str, ...]
    seconds: float
    code: int
    out: str
    err: str

    @property
    def outcomes(self) -> dict[str, int]:
        """How many tests had which outcome, as pytest's last line says."""
        return {word.rstrip("s"): int(count) for count, word in _OUTCOME.findall(self.out)}

    @property
    def was_cold(self) -> bool:
        """Whether our plugin says on standard error that it ran plain pytest instead."""
        return any(line.startswith("zygote:") and "cold" in line for line in self.err.splitlines())

    def that_passed(self, tests: int) -> "Run":
        """Return this run if it succeeded and exactly that many tests passed.

        Raises:
            UntrueRunError: if not.
        """
        if self.code != 0 or self.outcomes != {"passed": tests}:
            raise UntrueRunError(self._account(f"expected {tests} passed, exit code 0"))
        return self

    def that_was_warm(self) -> "Run":
        """Return this run if it does not say that it was a cold one.

        Raises:
            UntrueRunError: if it does.
        """
        if self.was_cold:
            raise UntrueRunError(self._account("expected a warm run"))
        return self

    def that_succeeded(self) -> "Run":
        """Return this run if its exit code is 0.

        Raises:
            UntrueRunError: if not.
        """
        if self.code != 0:
            raise UntrueRunError(self._account("expected exit code 0"))
        return self

    def _account(self, complaint: str) -> str:
        return (
            f"{complaint}, got code {self.code} from: {' '.join(self.command)}\n{self.out[-3000:]}\n{self.err[-3000:]}"
        )


def run(command: Sequence[str], cwd: Path, environ: Mapping[str, str], deadline: float = DEADLINE) -> Run:
    """Run *command* to its end.

    Its output goes to files, not pipes: a pipe would also be held open by a daemon that it left behind, and reading
    it would cost us time that is not the command's. The deadline is kept by a thread, because waiting with a timeout
    polls in steps of up to 50 ms, more than some of these commands take.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.perf_counter()
        with subprocess.Popen(command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as child:
            alarm = Timer(deadline, child.kill)
            alarm.start()
            code = child.wait()
            seconds = time.perf_counter() - begin
            alarm.cancel()
        out.seek(0)
        err.seek(0)
        return Run(tuple(command), seconds, code, out.read(), err.read())
