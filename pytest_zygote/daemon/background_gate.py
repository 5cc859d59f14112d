"""Holds back what would execute the project's code while nobody has asked for a run: see `core.layers.background`."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import git_state
from pytest_zygote.core.layers import background
from pytest_zygote.core.layers.background import Permission

if TYPE_CHECKING:
    from pytest_zygote.core.cli.settings import Settings

log = logging.getLogger("pytest_zygote")


class BackgroundGate:
    """Open from a run that was asked for until git moves HEAD, or another user could have written.

    Attributes:
        denied: why nothing is executed ahead; empty if it may be.
    """

    def __init__(self, root: str) -> None:
        """Start open, in the mode `saves`."""
        self._root = root
        self._mode = background.SAVES
        self._directory = ""
        self._state = git_state.GitState()
        self.denied = ""
        self.open()

    def configure(self, settings: Settings) -> None:
        """Go by the user's setting from now on."""
        self._mode = settings.text("--daemon-background")

    def open(self) -> None:
        """Note where HEAD stands: a run was asked for, so what is there now may be executed."""
        self.denied = ""
        self._directory = git_state.find(self._root)
        self._state = git_state.read(self._directory)

    def permission(self) -> Permission:
        """Return what may be done about files that have changed; once denied, it stays so until a run is asked for."""
        if self._mode == background.ALL:
            return Permission.GRANTED
        if not self.denied and (self.is_silent or self._has_moved()):
            self.denied = background.why_denied(self._mode, is_foreign=self._is_foreign)
            log.info("nothing is executed until somebody asks for a run: %s", self.denied)
        if self.denied:
            return Permission.DENIED
        return Permission.LATER if git_state.is_at_work(self._directory) else Permission.GRANTED

    @property
    def is_silent(self) -> bool:
        """Whether nothing at all is executed ahead of runs, even if no file has changed."""
        return background.is_silent(self._mode, is_foreign=self._is_foreign)

    def _has_moved(self) -> bool:
        now = git_state.read(self._directory, self._state)
        if background.has_moved(self._state.head, now.head, now.moves):
            return True
        self._state = now
        return False

    @property
    def _is_foreign(self) -> bool:
        try:
            return os.stat(self._root).st_uid not in (0, os.getuid())
        except OSError:
            return True
