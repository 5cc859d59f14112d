"""A module is disturbed if what it reads was changed after it was imported early, and before the run imports it."""

from __future__ import annotations

from pytest_zygote.core.layers.disturbance import Disturbance

IMPORTERS = {
    "settings": {"models", "library"},
    "models": {"views"},
    "typing": {"models", "views"},
    "library": {"views"},
}
OWN = frozenset({"settings", "models", "views"})


def test_who_imports_what_was_changed_is_disturbed_and_who_imports_that() -> None:
    """Those that import it directly are left out: without them the others read nothing that was changed."""
    disturbance = Disturbance(IMPORTERS, OWN)
    disturbance.change({"settings": "settings.DEBUG"}, set())

    assert disturbance.of("views") == ("settings.DEBUG", ("models",))
    assert disturbance.of("settings") is None


def test_what_was_executed_before_is_not_disturbed() -> None:
    """If the direct importers were, the module itself is left out."""
    disturbance = Disturbance(IMPORTERS, OWN)
    disturbance.change({"settings": "settings.DEBUG"}, {"models"})

    assert disturbance.of("models") is None
    assert disturbance.of("views") == ("settings.DEBUG", ("views",))


def test_a_change_counts_when_it_is_first_seen() -> None:
    """What a module has executed before it, another one may not."""
    disturbance = Disturbance(IMPORTERS, OWN)
    disturbance.change({"typing": "typing.Any"}, {"models", "views"})
    disturbance.change({"typing": "typing.Any"}, set())

    assert disturbance.of("views") is None


def test_only_readers_of_what_a_library_has_written_are_disturbed() -> None:
    """Who imports the module that was written into, and names something else of it, is what it was."""
    disturbance = Disturbance(IMPORTERS, OWN)
    disturbance.read("typing._check", ["views", "library"], set())

    assert disturbance.of("models") is None
    assert disturbance.of("views") == ("typing._check", ("views",))
