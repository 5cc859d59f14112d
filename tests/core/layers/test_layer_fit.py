"""Options that change what imports do make a run start from a shallower layer."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers import layer_fit
from pytest_zygote.core.layers.layer_fit import LayerTraits, Shallower, sees_imports, shallower
from pytest_zygote.core.reasons import Reason

FACTS = {
    "rootdir": "/project",
    "inipath": "/project/pytest.ini",
    "importmode": "prepend",
    "assertmode": "rewrite",
    "noconftest": "False",
    "confcutdir": "",
    "overrides": "",
    "plugins": "",
    "warnings": "",
    layer_fit.COVERAGE: "",
}


BASE_FILES = (("numpy", "/site/numpy/__init__.py"), ("numpy.core", "/site/numpy/core.py"))


def layer(
    kind: str = "project",
    *,
    warned: tuple[str, ...] = (),
    base_warned: tuple[str, ...] = (),
    rewritten: bool = False,
) -> LayerTraits:
    """Return the traits of a layer that was made for runs without options."""
    return LayerTraits(kind, FACTS, warned, base_warned, BASE_FILES, rewritten)


def code_of(traits: LayerTraits, **options: str) -> str:
    """Return the code of the reason why a run with other options starts elsewhere; '' if it does not."""
    found = shallower(traits, {**FACTS, **options})
    return "" if found is None else found.reason.code


def depth_of(traits: LayerTraits, **options: str) -> str:
    """Return where a run with other options starts."""
    found = shallower(traits, {**FACTS, **options})
    return traits.kind if found is None else found.depth


def test_a_run_like_the_one_that_taught_starts_from_the_top() -> None:
    """Nothing differs, nothing is lost."""
    assert shallower(layer(), FACTS) is None


@pytest.mark.parametrize("option", layer_fit.EQUAL_FOR_PROJECT)
def test_options_that_decide_names_and_files_lead_to_the_base(option: str) -> None:
    """The reason names the option and both values."""
    found = shallower(layer(), {**FACTS, option: "other"})

    text = f"{option} is 'other', the project layer was made for {FACTS[option]!r}"
    assert found == Shallower("base", Reason("options-differ", text))
    assert depth_of(layer("base"), **{option: "other"}) == "base"


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ("", "project"),
        ("*", "base"),
        ("app", "base"),
        ("app:numpy", "cold"),
        ("numpy.core", "cold"),
        ("/site/numpy", "cold"),
        ("num", "base"),
    ],
)
def test_coverage_must_see_the_imports_of_what_it_measures(measured: str, expected: str) -> None:
    """What is measured may be imported neither in the project layer, nor in the base layer."""
    assert depth_of(layer(), **{layer_fit.COVERAGE: measured}) == expected
    assert code_of(layer(), **{layer_fit.COVERAGE: measured}) == ("coverage-of-imports" if measured else "")


@pytest.mark.parametrize(
    ("warned", "base_warned", "expected"),
    [((), (), "project"), (("app",), (), "base"), (("app", "numpy"), ("numpy",), "cold")],
)
def test_warning_filters_matter_where_a_module_warned(
    warned: tuple[str, ...], base_warned: tuple[str, ...], expected: str
) -> None:
    """``-W error`` would have been raised out of the import; where nothing warned it changes nothing."""
    assert depth_of(layer(warned=warned, base_warned=base_warned), warnings="error") == expected
    assert code_of(layer(warned=warned), warnings="error") == ("import-warning" if warned else "")


def test_rewritten_plugins_stay_rewritten() -> None:
    """So ``--assert=plain`` is cold if there are any, and warm if there are none."""
    assert depth_of(layer(rewritten=True), assertmode="plain") == "cold"
    assert code_of(layer(rewritten=True), assertmode="plain") == "assert-mode"
    assert depth_of(layer(), assertmode="plain") == "project"


@pytest.mark.parametrize(("args", "expected"), [(("-q", "--affected"), True), (("--cov=app",), True), (("-q",), False)])
def test_command_lines_that_tell_it_before(args: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001 - a table
    """Such a run need not try the project layer first."""
    assert sees_imports(args) == expected
