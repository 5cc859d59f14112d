"""How deep a run may start: from the project layer, from the base layer, or cold.

Facts are the options that decide what an import does, as text, so that they travel and
compare. A project layer is exact for the runs whose facts equal those of the run that taught
it. The base layer holds third-party modules only; few options reach them. Rules, with what
goes wrong without each:

==================  =======  ====================================================================
option              from     because
==================  =======  ====================================================================
``--import-mode``   base     helper modules get other names, or cannot be found at all
``-o``, ``-c`` …    base     python_files, pythonpath … decide what is a test module and a name
``-p``              base     a plugin left out must not have been configured for the modules
``--assert``        cold     rewritten plugin modules stay rewritten
``-W``              base     a module that warned at import would have raised; cold if in base
``--cov``           base     lines that run at import count; cold if they are in the base layer
``--affected``      base     what is imported counts, too (`run.layer_check`)
==================  =======  ====================================================================
"""

from __future__ import annotations

from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COVERAGE = "coverage"
"""The fact that holds what a run measures: names and folders joined by ':', '*' for all, '' for nothing."""

EQUAL_FOR_PROJECT = ("rootdir", "inipath", "importmode", "noconftest", "confcutdir", "overrides", "plugins")


class Shallower(Record):
    """The layer is not exact for the run; `depth` ('base' or 'cold') is."""

    depth: str
    reason: Reason


class LayerTraits(Record):
    """What the rules need to know of a layer.

    Attributes:
        kind: 'base' or 'project'.
        facts: of the run that taught the layer.
        warned: modules of this layer, or the ones below, that warned at import.
        base_warned: the same for the base layer alone.
        base_names: modules of the base layer.
        rewritten: whether any module was loaded with rewritten assertions.
    """

    kind: str
    facts: dict[str, str]
    warned: tuple[str, ...]
    base_warned: tuple[str, ...]
    base_files: tuple[tuple[str, str], ...]
    rewritten: bool


def sees_imports(args: Iterable[str]) -> bool:
    """Return whether a command line has a run import the project itself, which pytest would find out later.

    Options from an ini-file are not seen here: such a run starts over from the base layer.
    """
    return any(arg.startswith(("--affected", "--cov")) for arg in args)


def shallower(layer: LayerTraits, run: dict[str, str]) -> Shallower | None:
    """Return where the run must start instead, with the reason; None if the layer is exact."""
    found = _against_base(layer, run)
    if found is None and layer.kind == "project":
        found = _against_project(layer, run)
    return found


def _against_base(layer: LayerTraits, run: dict[str, str]) -> Shallower | None:
    if run["assertmode"] != layer.facts.get("assertmode", "rewrite") and layer.rewritten:
        text = f"--assert={run['assertmode']}: plugins were loaded for another mode"
        return Shallower("cold", Reason("assert-mode", text))
    if run["warnings"] != layer.facts.get("warnings", "") and layer.base_warned:
        text = f"-W, and {layer.base_warned[0]} warned when it was imported"
        return Shallower("cold", Reason("import-warning", text))
    measured = run[COVERAGE]
    if measured not in ("", "*"):
        hit = _first_measured(measured.split(":"), layer.base_files)
        if hit:
            return Shallower(
                "cold", Reason("coverage-of-imports", f"coverage of {hit}, which is imported in the base layer")
            )
    return None


def _first_measured(sources: list[str], files: tuple[tuple[str, str], ...]) -> str:
    for name, path in files:
        for source in sources:
            if name == source or name.startswith(f"{source}.") or path.startswith(f"{source}/"):
                return name
    return ""


def _against_project(layer: LayerTraits, run: dict[str, str]) -> Shallower | None:
    if run[COVERAGE]:
        return Shallower("base", Reason("coverage-of-imports", "coverage must see the imports"))
    if run["warnings"] != layer.facts["warnings"] and layer.warned:
        return Shallower("base", Reason("import-warning", f"-W, and {layer.warned[0]} warned when it was imported"))
    for key in EQUAL_FOR_PROJECT:
        if run[key] != layer.facts[key]:
            text = f"{key} is {run[key]!r}, the project layer was made for {layer.facts[key]!r}"
            return Shallower("base", Reason("options-differ", text))
    return None
