"""What this interpreter says of its environment."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import cpu_count
from pytest_zygote.core.hosts.environment import HostFacts
from pytest_zygote.hosts import frames

if TYPE_CHECKING:
    from pytest_zygote.hosts.frames import Message


def facts_of_here() -> HostFacts:
    """Return the facts of this process."""
    distributions = {found.name: found.version for found in metadata.distributions()}
    python = f"{sys.implementation.name} {platform.python_version()}"
    return HostFacts(python, f"{sys.platform} {platform.machine()}", distributions, cpu_count.usable(logical=False))


def facts_of(python: str) -> Message:
    """Return the facts of another interpreter."""
    result = subprocess.run([python, "-m", "pytest_zygote.hosts.facts"], stdout=subprocess.PIPE, check=True)
    found: Message = json.loads(result.stdout)
    return found


def to_message(facts: HostFacts) -> Message:
    """Return facts as a message."""
    return {
        "python": facts.python,
        "platform": facts.platform,
        "distributions": dict(facts.distributions),
        "cores": facts.cores,
    }


def from_message(message: Message) -> HostFacts:
    """Return the facts of a message."""
    distributions = frames.mapping(message, "distributions")
    python, system = str(message.get("python")), str(message.get("platform"))
    return HostFacts(python, system, distributions, max(frames.number(message, "cores"), 1))


def cache_folder() -> Path:
    """Return the folder for trees on this host, this user's alone."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base, "pytest-zygote", "trees")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


if __name__ == "__main__":
    sys.stdout.write(json.dumps(to_message(facts_of_here())))
