"""The virtual environments that are measured: ours, and one for each peer.

All have the same versions of the example project's libraries, so that only the runner differs. They are kept in a
cache folder outside the repository, and made anew when what they should hold has changed.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.example import LIBRARIES

REPOSITORY = Path(__file__).parents[1]

_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, known by its interpreter."""

    python: Path

    def command(self, name: str) -> str:
        """Return the path of a console script."""
        return str(self.python.with_name(name))

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """Return the versions of these installed distributions."""
        command = [str(self.python), "-c", _VERSIONS, *names]
        found: dict[str, str] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return found

    def package(self, name: str) -> Path:
        """Return the folder of an installed package."""
        code = f"import importlib.util; print(importlib.util.find_spec({name!r}).submodule_search_locations[0])"
        command = [str(self.python), "-c", code]
        return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())

    def python_version(self) -> str:
        """Return the interpreter's version."""
        command = [str(self.python), "-c", "import platform; print(platform.python_version())"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@dataclass(frozen=True)
class Cache:
    """The folder with the environments."""

    folder: Path

    @classmethod
    def default(cls) -> "Cache":
        """Return the one in the user's cache folder."""
        return cls(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-zygote-benchmark")

    def ours(self) -> Environment:
        """Return an environment with this checkout, installed as a user would have it, not editable."""
        return self.with_us("ours", [*LIBRARIES, "pytest>=9"])

    def with_us(self, name: str, requirements: Iterable[str]) -> Environment:
        """Return an environment with these requirements and this checkout."""
        ours = self.environment(name, [*requirements])
        pip(ours, "install", "--quiet", "--force-reinstall", "--no-deps", str(REPOSITORY))
        pip(ours, "install", "--quiet", str(REPOSITORY))
        return ours

    def peer(self, name: str, requirements: Iterable[str], like: Environment) -> Environment:
        """Return the environment of a peer, with the libraries that *like* has."""
        libraries = [f"{library}=={version}" for library, version in like.versions(LIBRARIES).items()]
        return self.environment(name, [*libraries, *requirements])

    def environment(self, name: str, requirements: list[str]) -> Environment:
        """Return an environment that holds these requirements, made if it is not there."""
        folder = self.folder / name
        stamp = folder / "requirements.json"
        wanted = json.dumps([sys.version, *requirements])
        made = Environment(folder / "bin" / "python")
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            pip(made, "install", "--quiet", *requirements)
            stamp.write_text(wanted, encoding="utf-8")
        return made


def pip(environment: Environment, *args: str) -> None:
    """Run pip in an environment; what it prints goes to standard error, which is for the person who waits."""
    command = [str(environment.python), "-m", "pip", "--disable-pip-version-check", *args]
    subprocess.run(command, check=True, stdout=sys.stderr)
