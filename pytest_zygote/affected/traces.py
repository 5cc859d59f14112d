"""Which tests find what others have left: those must run together, or a test is told from what it does alone.

A test has left something if its file or the process keeps something else than before (`shared_state`): what comes after
it in the same file, in the same process, counts as finding it. Of files that tests write, and of keys of the
environment that they leave, it is seen who reads them, in whichever file.

Each test names only the last one before it that has left something; that one names the one before it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.core.affected.dependency import AFTER, ENVIRON, Need
from pytest_zygote.core.layers.layer_inputs import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from pytest_zygote.affected.attribution import Needs


class Traces:
    """What the tests of one process, and of its forks, have left."""

    def __init__(
        self, state_of: Callable[[pytest.Item], object], left_keys: Callable[[], Iterable[str]] = lambda: ()
    ) -> None:
        """Know of none.

        Args:
            state_of: returns what differs once a test has left something.
            left_keys: returns the keys of the environment that the last call of `state_of` found changed.
        """
        self._state_of = state_of
        self._left_keys = left_keys
        self._setters: dict[str, str] = {}
        self._state: tuple[tuple[str, int], object] = (("", 0), None)
        self._last: dict[str, str] = {}
        self._writers: dict[str, str] = {}
        self._plain: Needs = {}

    def begin_test(self, item: pytest.Item) -> None:
        """Look before a test: not again, if the test before it was of the same file, in this process."""
        place = (str(item.path), os.getpid())
        if self._state[0] != place:
            self._state = (place, self._look(item))

    def _look(self, item: pytest.Item) -> object:
        try:
            return self._state_of(item)
        except Exception:  # noqa: BLE001 - of a thread that changes what is looked at, or of a mapping of the file's own
            return object()

    def end_test(self, item: pytest.Item, nodeid: str, own: Needs) -> tuple[Needs, bool]:
        """Return which tests this one, which needs these, comes after, and whether it has left something itself."""
        (path, process), before = self._state
        others = {self._last.get(path, nodeid), *self._setters_of(own)} - {nodeid}
        needs = {Need(AFTER, "", other): b"" for other in others}
        self._state = ((path, process), self._look(item))
        has_left = self._state[1] != before
        if has_left:
            self._last[path] = nodeid
            self._setters.update(dict.fromkeys(self._left_keys(), nodeid))
        return needs, has_left

    def _setters_of(self, own: Needs) -> set[str]:
        """Return the tests that have left keys of the environment which one with these needs has read."""
        if not self._setters:
            return set()
        read = {need.name for need in own if need.kind == ENVIRON}
        return {setter for key, setter in self._setters.items() if key in read or WHOLE in read}

    def named(self, nodeid: str, own: Needs, written: Iterable[str]) -> Needs:
        """Return the needs of a test with names instead of the files of other tests that it has read.

        Args:
            nodeid: of the test.
            own: what it needs.
            written: the files that it has written itself, for tests that come later.
        """
        files = set() if own is self._plain else {need for need in own if need.kind == AFTER and need.path}
        writers = {self._writers.get(need.path, nodeid) for need in files} - {nodeid}
        self._writers.update(dict.fromkeys(written, nodeid))
        if not files:
            self._plain = own  # tests that are alike have the same object
            return own
        others = {need: found for need, found in own.items() if need not in files}
        return {**others, **{Need(AFTER, "", writer): b"" for writer in writers}}
