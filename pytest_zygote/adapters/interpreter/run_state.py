"""What the admission of modules needs of its run and layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from pytest_zygote.core.layers.import_effects import Event
    from pytest_zygote.core.layers.import_log import ImportDigests
    from pytest_zygote.core.reasons import Reason


class RunState(NamedTuple):
    """Values, and functions of what is asked only now and then.

    Attributes:
        log: name → what executing the module did.
        importers: name → the modules that import it.
        touched: module of the project → others of it that change, when they are imported, what it holds.
        digests: what of the logs must be done again.
        own: modules of the project that the layer holds.
        known: own modules, and those with a digest.
        environ: the environment in which the layer was built.
        changed: gives the modules that the run changed, with what; told what it has imported, and which attributes it
            has from libraries.
        readers: module and attribute → modules of the project that may have read it, of all that libraries write.
        submodules: packages and modules in them that only those who import them find there.
        moved: gives the modules that `sys.path` does not lead to now, with where it leads.
        home_of: gives the folder in which a module that has moved was found.
        hook: gives an import hook that the run has installed, '' for none.
        rewritten: gives the file of a module if it is not what the layer has imported, '' if it is.
        answer: gives the answer of this process to what a module asked.
        become: changes something of the process.
        refuse: ends the run, or notes that it is too late to; told the reason and the suspects.
        unmark: has the import system tell no more of a module.
        is_own: tells whether a file belongs to the project, and is no test module.
    """

    log: Mapping[str, list[Event]]
    importers: Mapping[str, set[str]]
    touched: Mapping[str, set[str]]
    digests: ImportDigests
    own: frozenset[str]
    known: frozenset[str]
    environ: Mapping[str, str]
    changed: Callable[[Iterable[str], Mapping[tuple[str, object], object]], Mapping[str, str]]
    readers: Mapping[tuple[str, object], AbstractSet[str]]
    submodules: Iterable[tuple[str, str]]
    moved: Callable[[], Mapping[str, str]]
    home_of: Callable[[str], str]
    hook: Callable[[], str]
    rewritten: Callable[[str], str]
    answer: Callable[[str], object]
    become: Callable[[str, object], None]
    refuse: Callable[[Reason, tuple[str, ...]], None]
    unmark: Callable[[str], None]
    is_own: Callable[[str], bool]
