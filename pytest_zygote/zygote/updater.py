"""Brings a project layer up to date with edits of its modules, in a fork of it: the candidate.

While the layer is built, it is recorded which functions run; afterwards, when nothing else is to
do, the text that each module was made of is put aside. When files have changed, the daemon has the
layer forked, and gives the new texts to the fork. That one decides, patches and proves (`adapters.patching`),
and becomes the layer that serves; if anything is in the way it ends, and nothing has happened.

A patch needs the old text *exactly*: a file that changed between its import and the
moment it was to be put aside is not remembered, and its next edit is a reload. So is one of
which code has looked at the file itself, by whatever means: a patch cannot repeat that.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.interpreter.executed_code import new_starts
from pytest_zygote.adapters.patching import Patcher, PatchError
from pytest_zygote.adapters.self_checks import lost_reason
from pytest_zygote.adapters.system import files
from pytest_zygote.core.internals import Feature
from pytest_zygote.core.layers.import_effects import Compiled, Imported, Warned
from pytest_zygote.core.patching.verdict import Keep, Patch, Reload, reload_reason
from pytest_zygote.core.protocol.layer_messages import NotPatched, Patched
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pytest_zygote.adapters.interpreter.import_recorder import Ledger
    from pytest_zygote.core.patching.verdict import Verdict
    from pytest_zygote.core.protocol import layer_messages
    from pytest_zygote.run.inherited_layer import InheritedLayer

CHUNK = 50
"""How many texts are remembered before the zygote looks for orders again: 2,000 take 55 ms."""


class Updater:
    """What a project layer knows of its modules' texts."""

    def __init__(self, root: str, ledger: Ledger) -> None:
        """Start before the layer is built."""
        self._ledger = ledger
        self._starts = new_starts(self._is_new)
        self._patcher = Patcher(root, self._starts, _is_own, self._is_quiet)
        lost = lost_reason(Feature.PATCHES)
        if lost is not None:
            self._patcher.forbid_all(lost)
        self._waiting: Iterator[tuple[str, str]] = iter(())
        self._looked_at: frozenset[str] = frozenset()
        self._folders: dict[str, str] = {}
        self._homes: dict[str, str] = {}

    def _is_new(self, path: str) -> bool:
        return path in self._ledger.files

    def _is_quiet(self, name: str) -> bool:
        return name not in self._ledger.digests.reach

    # While the layer is built

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record what runs."""
        children = _traces_of_children()
        self._starts.start()
        try:
            yield
        finally:
            self._starts.stop()
            if _traces_of_children() != children:
                # It may have imported the project and run anything; what it wrote may have become a value.
                self._patcher.forbid_all(
                    Reason("process-started", "a process was started while the project was imported")
                )

    @contextlib.contextmanager
    def executing(self) -> Iterator[None]:
        """Record what runs besides imports, which may also make functions that nobody knows of."""
        with self.recording():
            yield
        self._patcher.distrust_stock()

    def see(self, paths: frozenset[str]) -> None:
        """Take note of the paths that code looked at while it was imported."""
        self._looked_at = paths

    # When the layer is built

    def queue_texts(self, own: Iterable[str]) -> None:
        """Have the texts of these modules remembered, by `remember_texts`, when nothing else is to do."""
        origins = {name: code_origin.origin_of(sys.modules[name]) for name in own}
        log = self._ledger.log
        warned = {event.module for name in self._ledger.warned() for event in log[name] if type(event) is Warned}
        for name, path in origins.items():
            reason = self._why_unpatchable(name, path, warned)
            if reason is not None:
                self._patcher.forbid(name, reason)
        self._waiting = iter([(p, n) for n, p in origins.items() if p.endswith(".py") and self._is_new(p)])

    def _why_unpatchable(self, name: str, path: str, warned: Collection[str]) -> Reason | None:
        """Return why no edit of a module can be patched; None if some can. `warned`: modules that warnings name."""
        if path in self._looked_at:
            return Reason("file-examined", "its file was looked at while the project was imported")
        if any(type(event) in (Compiled, Warned) for event in self._ledger.log.get(name, ())):
            return Reason("import-warns", "it warns when it is imported")
        return Reason("import-warns", "a warning names a line of it") if name in warned else None

    # When nothing else is to do

    def remember_texts(self, count: int | None = CHUNK) -> bool:
        """Remember some texts, or all that are left; return whether the last one was among them."""
        done = 0
        for path, name in islice(self._waiting, count):
            self._remember(path, name)
            done += 1
        is_last = count is None or done < count
        if is_last:
            self._patcher.scan()
        return is_last

    def _remember(self, path: str, name: str) -> None:
        known = self._ledger.files[path]
        source = files.read_unchanged(path)
        if source is not None and source[1] == known:
            self._patcher.remember(name, path, source[0])
            self._homes[path] = self._home(path)

    def _home(self, path: str) -> str:
        """Return where a file really is: code that resolves ``__file__`` finds another if a link leads elsewhere."""
        if os.path.islink(path):
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)

    # In the candidate

    def follow(self, order: layer_messages.Patch, layer: InheritedLayer) -> Patched | NotPatched:
        """Make this process what a fresh import of the new texts would make; else return why not."""
        started = time.perf_counter()
        is_enabled = gc.isenabled()
        gc.disable()
        try:
            verdicts = self._decide(order.files)
            reason = reload_reason(verdicts)
            if not reason:
                self._adopt(self._patcher.apply(), layer)
                self._patcher.verify()
                self._ledger.files.update(order.identities)
        except PatchError as error:
            return NotPatched(Reason("patch-failed", f"a patch failed: {error}"))
        except Exception as error:  # noqa: BLE001 - a fault of ours must cost no more than an import
            return NotPatched(Reason("patch-failed", f"the patcher failed: {type(error).__name__}: {error}"))
        finally:
            # What the forks and patches before this one have left in cycles; what imports have made is older.
            gc.collect(1)
            if is_enabled:
                gc.enable()
        if reason:
            return NotPatched(reason)
        patch_ms = round((time.perf_counter() - started) * 1000)
        return Patched({path: describe(verdict) for path, verdict in verdicts.items()}, patch_ms)

    def _decide(self, texts: Mapping[str, bytes]) -> dict[str, Verdict]:
        self._folders.clear()
        for path in texts:
            if path in self._homes and self._home(path) != self._homes[path]:
                return {path: Reload(Reason("file-relinked", f"{os.path.basename(path)} is a link now, or no longer"))}
        return self._patcher.decide(texts)

    def _adopt(self, imports: Mapping[str, frozenset[str]], layer: InheritedLayer) -> None:
        """Have runs find right what the patch has changed in modules."""
        for name, imported in imports.items():
            for other in imported:
                self._ledger.importers.setdefault(other, set()).add(name)
                self._ledger.log.setdefault(name, []).append(Imported(other))
        layer.refresh(imports)


def _traces_of_children() -> int:
    """Return a number that changes when this process has waited for a child."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


def _is_own(path: str) -> bool:
    return os.path.isabs(path) and code_origin.is_own(path)  # not "built-in", not "frozen"


def describe(verdict: Verdict) -> str:
    """Return a verdict in words."""
    match verdict:
        case Patch(names):
            return f"patched {', '.join(names)}"
        case Keep():
            return "kept"
        case Reload(reason):
            return f"reloaded: {reason}"
