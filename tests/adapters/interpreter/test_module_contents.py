"""Changes far below the names of a module are noticed."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from pytest_zygote.adapters.interpreter.module_contents import ModuleContents

TEXT = """
import collections, functools, itertools, weakref

class Registry:
    all = []
    def __init__(self):
        self.names = []
        self.count = 0

class Slots:
    __slots__ = ("count",)
    def __init__(self):
        self.count = 0

class Hostile:
    def __getattribute__(self, name):
        raise AssertionError(name)
    __eq__ = __hash__ = __len__ = __iter__ = __bool__ = None

LIST, SET, QUEUE, BY_NAME = [], set(), collections.deque(), {"a": []}
NESTED = ([],)
COUNT = 1000
NUMBERS = itertools.count()
ALIVE, BY_CLASS, BY_LABEL = weakref.WeakSet(), weakref.WeakKeyDictionary(), weakref.WeakValueDictionary()
registry, slots, hostile = Registry(), Slots(), Hostile()

def function(value, seen=[]):
    return seen

register = (lambda names: lambda name: names.append(name))([])

@functools.singledispatch
def dispatched(value):
    return value

def counted():
    global COUNT
    COUNT += 1
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module of the project."""
    made = ModuleType("registering")
    exec(TEXT, made.__dict__)  # noqa: S102 - what an import does
    monkeypatch.setitem(sys.modules, "registering", made)
    return made


@pytest.mark.parametrize(
    "change",
    [
        "QUEUE.appendleft(1)",
        "BY_NAME['a'].append(1)",
        "NESTED[0].append(1)",
        "Registry.all.append(1)",
        "registry.names.append(1)",
        "registry.count = 1",
        "slots.count = 1",
        "function.__defaults__[0].append(1)",
        "register('x')",
        "dispatched.register(int, str)",
        "counted()",
        "function.mark = 1",
        "next(NUMBERS)",
        "ALIVE.add(Slots)",
        "BY_CLASS[Slots] = 1",
        "BY_LABEL['x'] = Slots",
    ],
)
def test_a_change_is_noticed_once(module: ModuleType, change: str) -> None:
    """Whoever made it; from then on it is what the module holds."""
    contents = ModuleContents("registering".__eq__)
    assert not contents.has_changed("registering")
    assert not contents.has_changed("registering")

    exec(change, module.__dict__)  # noqa: S102 - as another module would

    assert contents.has_changed("registering")
    assert not contents.has_changed("registering")


def test_what_others_undo_is_no_change(module: ModuleType) -> None:
    """Names of the module, and the entries of its classes and collections."""
    contents = ModuleContents("registering".__eq__)
    contents.has_changed("registering")

    vars(module).update(COUNT=5, ADDED=5, submodule=ModuleType("registering.submodule"))
    module.LIST.append(1)
    module.SET.add(1)
    module.BY_NAME["b"] = 1
    module.Registry.added = 1

    assert not contents.has_changed("registering", {"COUNT", "ADDED"})


@pytest.mark.parametrize(
    ("change", "is_noticed"),
    [
        ("registry.count = 1", False),
        ("registry.cached_names.append(1)", False),
        ("registry.names.append(1)", True),
        ("registry.rules.names.append(1)", True),
        ("registry.rules.alive.add(Slots)", True),
        ("named.names.append(1)", False),
    ],
)
def test_what_is_registered_in_an_object_of_a_library(module: ModuleType, change: str, is_noticed: bool) -> None:  # noqa: FBT001 - a parameter
    """As in an application, to which modules add their routes or commands; the rest of it is the library's affair."""
    module.Registry.__module__ = "a_library.registry"
    exec("named = Registry()\nregistry.rules = Registry()\n", module.__dict__)  # noqa: S102 - see above
    exec("registry.rules.alive, registry.cached_names = weakref.WeakSet(), []\n", module.__dict__)  # noqa: S102 - see above
    module.named.__class__ = type("Logger", (), {"__module__": "logging"})  # the standard library is compared elsewhere
    contents = ModuleContents("registering".__eq__)
    contents.has_changed("registering")

    exec(change, module.__dict__)  # noqa: S102 - as another module would

    assert contents.has_changed("registering") == is_noticed
