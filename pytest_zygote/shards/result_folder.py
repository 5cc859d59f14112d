"""The folder of ``--shard-result``: what one shard leaves for other machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import files
from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.core.shards.result import ShardResult, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULT = "shard.json"
"""The file by which such a folder is known."""


class ResultFolder:
    """The files of one shard.

    Attributes:
        path: of the folder.
        events: a line of JSON for each thing that was reported, in order.
        junit: pytest's junit file.
        coverage: coverage's data file.
        affected: what ``--affected-export`` writes.
    """

    def __init__(self, path: str | Path) -> None:
        """Name the files; nothing is read or written."""
        self.path = Path(path)
        self._result = self.path / RESULT
        self.events = self.path / "reports.jsonl"
        self.junit = self.path / "junit.xml"
        self.coverage = self.path / "coverage"
        self.affected = self.path / "affected.json"

    def clear(self) -> None:
        """Make the folder, or remove the result that is there.

        Raises:
            ShardError: something else is there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        own = (self._result, self.events, self.junit, self.coverage, self.affected)
        others = [path for path in self.path.iterdir() if path not in own and path.stem != self._result.stem]
        if others and not self._result.exists():
            message = f"{self.path} is not empty, and holds no result of a shard: name another folder"
            raise ShardError(message)
        for file in own:
            file.unlink(missing_ok=True)

    def write(self, result: ShardResult) -> None:
        """Write what the shard says of itself: all of it, or nothing."""
        files.replace(str(self._result), encode(result))

    def read(self) -> ShardResult:
        """Return what the shard says of itself.

        Raises:
            ShardError: there is nothing, or nothing that can be read.
        """
        try:
            return decode(self._result.read_text(encoding="utf-8"))
        except OSError as error:
            message = f"{self.path} holds no result of a shard ({error.strerror})"
            raise ShardError(message) from error
        except (ShardError, UnicodeDecodeError) as error:
            message = f"{self._result}: {error}"
            raise ShardError(message) from error

    def reported(self) -> Iterator[dict[str, object]]:
        """Give what was reported; a last line that was not written to its end is left out.

        Raises:
            ShardError: it cannot be read.
        """
        try:
            with self.events.open(encoding="utf-8") as lines:
                for line in lines:
                    if line.endswith("\n"):
                        yield dict(json.loads(line))
        except (OSError, ValueError, TypeError) as error:
            message = f"{self.events}: {error}"
            raise ShardError(message) from error
