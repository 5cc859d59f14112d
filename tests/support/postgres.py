"""A PostgreSQL server of the tests' own, that listens on a socket in its folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

USER = "tester"


def bin_folder() -> str:
    """Return where the newest PostgreSQL server of this machine is; '' if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) + sorted(
        Path("/opt").glob("postgresql*/bin/initdb")
    )
    return str(found[-1].parent) if found else ""


class Postgres:
    """A server that runs within the context.

    Attributes:
        folder: to connect to, as a host.
    """

    def __init__(self) -> None:
        """Have a folder: a socket's path is short, and so is that of pytest's folders not."""
        self.folder = tempfile.mkdtemp(prefix="pg", dir="/tmp")
        # The server refuses to be root.
        self._user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self._user:
            shutil.chown(self.folder, "postgres")
        self._control = ("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log")

    def __enter__(self) -> Self:
        """Start."""
        self._call("initdb", "-D", f"{self.folder}/data", "-U", USER, "-A", "trust", "--no-sync", **self._user)
        self._call(*self._control, "-o", f"-c listen_addresses= -c fsync=off -k {self.folder}", "start", **self._user)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and leave nothing."""
        self._call(*self._control, "-m", "immediate", "stop", **self._user)
        shutil.rmtree(self.folder)

    def query(self, text: str, database: str = "postgres") -> list[str]:
        """Return the lines that a statement gives."""
        return self._call("psql", "-XAtq", "-h", self.folder, "-U", USER, database, "-c", text).splitlines()

    def _call(self, program: str, *arguments: str, **options: str) -> str:
        command = [f"{bin_folder()}/{program}", *arguments]
        return subprocess.run(
            command,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            user=options.get("user"),
            group=options.get("group"),
        ).stdout
