"""Has a host make the environment for a tree, once for each state of what that depends on."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_zygote.core.hosts.tree import decides_environment

if TYPE_CHECKING:
    from pathlib import Path

OWN = ".venv/bin/python"
"""Where tools make an environment that belongs to a tree."""


def set_up(root: Path, command: str, scratch: Path) -> str:
    """Run a command in a tree, unless it has succeeded there with the same files; return the interpreter for tests.

    Raises:
        SystemExit: it fails; what it has printed last is on stderr.
    """
    stamp = root.with_name(f"{root.name}.setup")
    key = _key(root, command)
    if not stamp.exists() or stamp.read_text() != key:
        output = scratch / "setup.log"
        with output.open("wb") as file:
            result = subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if result.returncode:
            sys.stderr.write(f"{output.read_text(errors='replace').rstrip()}\n")
            raise SystemExit(f"--hosts-setup has ended there with {result.returncode}")
        stamp.write_text(key)
    own = root / OWN
    return str(own) if own.exists() else sys.executable


def _key(root: Path, command: str) -> str:
    digest = hashlib.blake2b(command.encode(), digest_size=16)
    for path in sorted(root.iterdir()):
        if decides_environment(path.name) and path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
