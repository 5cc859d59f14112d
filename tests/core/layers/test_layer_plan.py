"""What a layer is told to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.layers.layer_inputs import MISSING
from pytest_zygote.core.layers.layer_plan import BY_NAME, has_project, make_plan
from pytest_zygote.core.layers.module_graph import DJANGO, DJANGO_SETTINGS, ModuleGraph
from pytest_zygote.core.protocol.client_messages import RunRequest

if TYPE_CHECKING:
    from pytest_zygote.core.protocol.layer_messages import Build

REQUEST = RunRequest(
    version="1",
    interpreter=(),
    start=(),
    args=(),
    argv0="pytest",
    main=("", "pytest"),
    cwd="/project",
    umask=0o022,
    environ={"HOME": "/home", "OLD": "1"},
    path=("", "/lib"),
    ignored=(),
    closed=(),
    pid=1,
)


def graph(**fields: object) -> ModuleGraph:
    """Return what a run of a small project has taught."""
    made = ModuleGraph(
        modules={
            "lib": ("/lib/lib.py", "third", ""),
            "plugin": ("/lib/plugin.py", "third", "rewritten"),
            "app": ("/project/app.py", "first", ""),
            "app.gone": ("/project/gone.py", "first", ""),
        },
        leaves={"test_app": "/project/test_app.py", "test_gone": "/project/gone.py"},
        path=("/project", "/lib"),
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def plan(known: ModuleGraph, kind: str, context: dict[str, str] | None = None) -> Build:
    """Return the plan of a layer where all files exist but one."""
    return make_plan(known, kind, REQUEST, context or {}, cwd="/project", exists=lambda path: "gone" not in path)


def test_base_layer_has_the_third_party_modules() -> None:
    """In the path of the client, since the project has not extended it yet."""
    made = plan(graph(), "base")
    assert made.modules == ("lib", "plugin")
    assert made.origins == ("/lib/lib.py", "/lib/plugin.py")
    assert made.rewritten == ("plugin",)
    assert made.path == REQUEST.path


def test_project_layer_has_the_modules_whose_files_exist() -> None:
    """In the path that collection has made."""
    made = plan(graph(), "project")
    assert made.modules == ("app",)
    assert made.path == ("/project", "/lib")
    assert plan(graph(path=()), "project").path == REQUEST.path


def test_test_files_and_rejected_modules_are_never_imported() -> None:
    """A module of the layer that imports one would do so."""
    assert plan(graph(rejected={"bad": "it aborts"}), "project").leaves == ("test_app", "bad")


def test_modules_that_no_run_imported_are_found_by_name() -> None:
    """Those of ours come first, the user's (`zygote_preload`) last, each once."""
    known = graph(facts={"preload": "app extra"})
    known.modules["django.apps.registry"] = ("/lib/django/apps/registry.py", "third", "")
    made = plan(known, "project", {DJANGO_SETTINGS: "settings"})
    assert made.modules == (DJANGO, "app", "extra")
    assert made.origins == (BY_NAME, "/project/app.py", BY_NAME)
    assert "extra" not in plan(known, "base").modules


def test_context_changes_the_environment() -> None:
    """A conftest file may delete a key."""
    made = plan(graph(), "project", {"MODE": "test", "OLD": MISSING})
    assert made.environ == {"HOME": "/home", "MODE": "test"}
    assert made.context == ("MODE", "OLD")


def test_project_of_excluded_modules_needs_no_layer() -> None:
    """All that it would import must not be early (`zygote_exclude`)."""
    assert has_project(graph())
    assert not has_project(graph(facts={"exclude": "app"}))
