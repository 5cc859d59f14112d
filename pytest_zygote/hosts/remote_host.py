"""A host as the client reaches it: over ssh, which checks its key as it always does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest_zygote
from pytest_zygote.core.hosts.environment import differences
from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.hosts import facts, frames, tree_files
from pytest_zygote.hosts.agent import MAGIC

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.core.hosts.environment import HostFacts
    from pytest_zygote.core.hosts.specs import HostSpec
    from pytest_zygote.core.hosts.tree import TreeFile
    from pytest_zygote.hosts.frames import Message

SSH = (
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ExitOnForwardFailure=yes",
)
FORWARDED = re.compile(rb"Allocated port (\d+) for remote forward")
END_S = 5.0
SHOWN = 3
"""Last lines of what ssh has said that are shown."""


class HostUnusableError(ZygoteError):
    """A host cannot take part; the text says why."""


class RemoteHost:
    """One host, and the agent that was started on it.

    Attributes:
        number: of the host in this run.
        spec: as the user has named it.
        facts: what the interpreter there says.
    """

    facts: HostFacts

    def __init__(self, number: int, spec: HostSpec, port: int) -> None:
        """Start the agent, with a way back to a port of this machine."""
        self.number = number
        self.spec = spec
        self._said: list[bytes] = []
        self._port: int = 0
        self._has_port = threading.Event()
        python = shlex.quote(spec.python or sys.executable)
        fallback = "" if spec.python else f"[ -x {python} ] || set -- python3; "
        command = f'set -- {python}; {fallback}exec "$1" -m pytest_zygote.hosts.agent'
        forward = f"127.0.0.1:0:127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [shutil.which("ssh") or "ssh", *SSH, "-R", forward, *spec.address, f"sh -c {shlex.quote(command)}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process, which ends the agents in order
        )
        assert self._process.stdin is not None  # noqa: S101 - they are pipes
        assert self._process.stdout is not None  # noqa: S101 - the same
        self._to, self._from = self._process.stdin, self._process.stdout
        self._reader = threading.Thread(target=self._read_messages_of_ssh, daemon=True)
        self._reader.start()

    def _read_messages_of_ssh(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        for line in self._process.stderr:
            found = FORWARDED.search(line)
            if found is not None:
                self._port = int(found[1])
                self._has_port.set()
            else:
                self._said.append(line)
        self._has_port.set()

    def greet(self) -> None:
        """Learn what the interpreter there is.

        Raises:
            HostUnusableError: there is no agent, or it is of another version.
        """
        for line in self._from:
            if line.endswith(MAGIC):
                break
        message = self._next()
        if message["version"] != pytest_zygote.__version__:
            raise HostUnusableError(f"pytest_zygote {message['version']} there, {pytest_zygote.__version__} here")
        self.facts = facts.from_message(message)

    def _next(self) -> Message:
        message = frames.receive(self._from)
        if message is None:
            raise HostUnusableError(self.last_words())
        return message

    def _send(self, message: Message) -> None:
        try:
            frames.send(self._to, message)
        except OSError as error:
            raise HostUnusableError(self.last_words()) from error

    def last_words(self) -> str:
        """Return what ssh, or the interpreter there, has said last."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        self._reader.join(END_S)
        text = b"".join(self._said[-SHOWN:]).decode(errors="replace").strip()
        return text or f"ssh has ended with {self._process.returncode}"

    def send_tree(self, root: Path, name: str, files: dict[str, TreeFile], setup: str) -> None:
        """Have the host have this tree, and an environment for it if there is a command for that.

        Raises:
            HostUnusableError: it is gone, or has no room.
        """
        rows = [(path, file.digest, file.mode) for path, file in files.items()]
        self._send({"name": name, "files": rows, "setup": setup})
        lacking = frames.texts(self._next(), "lacking")
        with contextlib.suppress(OSError):  # what it has said last says more
            frames.send_bytes(self._to, tree_files.packed(root, lacking))

    def share_tree(self, root: Path) -> None:
        """Have the host use the folder of here, which it sees too."""
        self._send({"shared": str(root)})

    def start(self, order: Message) -> str:
        """Have the agent connect, and its run begin; return the folder of the tree there.

        Raises:
            HostUnusableError: it does not.
        """
        message = self._next()
        if message.get("distributions"):
            lines = differences(facts.facts_of_here(), facts.from_message(message))
            if lines:
                raise HostUnusableError("\n  ".join(["--hosts-setup has not made the environment of here", *lines]))
        self._has_port.wait(END_S)
        self._send({**order, "host": self.number, "scheduler": f"tls://127.0.0.1:{self._port}"})
        self._next()
        return str(message["root"])

    def keep_alive(self) -> None:
        """Let the agent know that somebody waits."""
        with contextlib.suppress(OSError, ValueError):  # it is gone
            self._to.write(b"\0")
            self._to.flush()

    def close(self) -> None:
        """Let the agent know that nobody waits."""
        with contextlib.suppress(OSError):
            self._to.close()

    def await_end(self, timeout_s: float) -> None:
        """Wait until the connection is gone; end it if that takes too long."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def project_name(root: Path) -> str:
    """Return the name of a tree's folder on hosts: the same each time, another for each tree of each machine."""
    digest = hashlib.blake2b(f"{os.uname().nodename}\0{root}".encode(), digest_size=8).hexdigest()
    return f"{root.name}-{digest}"
