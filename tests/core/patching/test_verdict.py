"""The verdict is conservative: what is not proven to be the same is a reload, with a reason to read."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.patching import code_compare
from pytest_zygote.core.patching.additions import ClassFacts, Module
from pytest_zygote.core.patching.patch_plan import PatchPlan
from pytest_zygote.core.patching.verdict import (
    Keep,
    Patch,
    Reload,
    Verdict,
    decide,
    is_always_reloaded,
    is_pinned,
    reload_reason,
)
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    import ast

PLAIN = ClassFacts(is_plain=True, is_ours=True, has_subclasses=False, attributes=frozenset({"f"}))
MODULE = Module(
    label="app/m.py",
    last_name="m",
    ran=frozenset(),
    bound=frozenset({"__name__", "f", "A"}),
    never_patched=(),
    classes=lambda _title: PLAIN,
    is_mentioned=lambda _owner, _name: False,
    are_docs_read=lambda _names: False,
    is_dataclass=lambda name: name == "dataclass",
    is_importable=lambda name, _attribute: name == "json",
)


def compiled(text: bytes | ast.Module) -> object:
    """Compile as an import does."""
    return compile(text, "m.py", "exec", dont_inherit=True)


def verdict(old: str, new: str, module: Module = MODULE) -> Verdict:
    """Return the verdict on an edit of a module."""
    return decide(dedent(old).encode(), dedent(new).encode(), module, compiled)  # type: ignore[arg-type]


def reason(old: str, new: str, module: Module = MODULE) -> str:
    """Return why an edit is a reload."""
    found = verdict(old, new, module)
    assert isinstance(found, Reload), found
    return found.reason.text


def moves_nothing(plan: PatchPlan) -> bool:
    """Return whether a plan leaves the module as it is."""
    return not (plan.changed or plan.docs or plan.added or plan.annotated) and all(
        code_compare.identical(pair.old, pair.new) for pair in (*plan.moved, *plan.scopes)
    )


class TestKeep:
    """What executes the same is kept."""

    @pytest.mark.parametrize("new", ["x = 1\n", "x = 1  # one\n", "\n\nx  =  1\n", "(x) = (1)\n", "x = 0x1\npass\n"])
    def test_form_does_not_matter(self, new: str) -> None:
        """Comments, blank lines, spaces and ways to write a number are no change."""
        assert isinstance(verdict("x = 1\n", new), Keep)

    def test_a_plan_that_moves_nothing_is_empty(self) -> None:
        """A comment behind the last function moves nothing."""
        found = verdict("def f(): pass\n", "def f(): pass\n# end\n")
        assert isinstance(found, Keep)
        assert moves_nothing(found.plan)

    def test_a_plan_that_moves_is_not_empty(self) -> None:
        """A line above a function moves it."""
        found = verdict("def f(): pass\n", "\ndef f(): pass\n")
        assert isinstance(found, Keep)
        assert not moves_nothing(found.plan)
        assert [pair.title for pair in found.plan.moved] == ["f"]


class TestPatch:
    """Bodies that never ran, and names that nobody knew."""

    def test_what_changed_is_named_as_users_name_it(self) -> None:
        """What changed is named as users name it."""
        old = "def f():\n    return 1\nclass A:\n    def f(self):\n        return 1\n"
        found = verdict(old, old.replace("return 1", "return 2"))
        assert isinstance(found, Patch)
        assert found.names == ("f", "A.f")

    def test_quiet_additions_are_patched(self) -> None:
        """An import of something quiet, a function, a method."""
        old = "class A:\n    def f(self): pass\n"
        new = "import json\nclass A:\n    def f(self): pass\n    def g(self): pass\ndef h(): pass\n"
        found = verdict(old, new, replace(MODULE, bound=frozenset({"A"})))
        assert isinstance(found, Patch)
        assert found.names == ("json", "A.g", "h")


class TestReload:
    """Everything else."""

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("x = 1\n", "x = 2\n", "app/m.py: x has another value"),
            ("class A: x = 1\n", "class A: x = 2\n", "app/m.py: A.x has another value"),
            ("class A(B): pass\n", "class A(C): pass\n", "app/m.py: class A has other bases"),
            ("class A: pass\n", "@d\nclass A: pass\n", "app/m.py: class A has other decorators"),
            ("class A(m=1): pass\n", "class A(m=2): pass\n", "app/m.py: class A has other class arguments"),
            ("def f(): pass\n", "@d\ndef f(): pass\n", "app/m.py: f() has other decorators"),
            ("def f(a=1): pass\n", "def f(a=2): pass\n", "other parameters, defaults or annotations"),
            ("def f(a) -> 1: pass\n", "def f(b): pass\n", "f() has other parameters, defaults or annotations"),
            ("def f(a): pass\n", "def f(b): pass\n", "f has other parameters, or is of another kind"),
            ("def f(): pass\n", "async def f(): pass\n", "of another kind"),
            ("def f(): pass\n", "def f(): yield\n", "of another kind"),
            ("def f(): pass\n", "", "app/m.py: f() is gone or renamed"),
            ("class A: pass\n", "", "app/m.py: A is gone or renamed"),
            ("import json\n", "", "app/m.py: the import of json is gone or renamed"),
            ("print(1)\n", "", "a statement at module level (line 1 before) is gone or renamed"),
            ("def f(): pass\ndef g(): pass\n", "def g(): pass\ndef f(): pass\n", "is at another place"),
            ("", "class A: pass\n", "class A is new"),
            ("", "print(1)\n", "line 1 is new, which runs at module level when it is imported"),
            ("class A:\n    x = 1\n", "class A:\n    x = 1\n    print(1)\n", "line 3 is new, which runs in class A"),
            ("", "import os.zz\n", "it imports os.zz anew"),
            ("", "from . import zz\n", "it imports . anew"),
            ("", "from json import *\n", "imports json in a way that changes more than one name"),
            ("", "def __dir__(): pass\n", "a name that Python itself looks for"),
            ("", "def f(): pass\n", "the module knew the name when it was imported"),
            ("", "def open(): pass\n", "the module knew the name when it was imported"),
            ("", "@d\ndef g(): pass\n", "g() is new, and decorated or generic"),
            ("", "def g(a=b()): pass\n", "g() is new, and has defaults that are computed"),
            ("", "def g(__a): pass\n", "g() is new, and has private parameters"),
            ("", "def g(a: b()): pass\n", "g() is new, and has annotations that are computed"),
            ("", "def g(a: zz): pass\n", "g() is new, and has annotations that are computed"),
            ("class A: pass\n", "class A:\n    def f(self): pass\n", "A.f is new, and hides an attribute"),
            ("x = 1\n", "x = (\n", "the file does not compile cleanly"),
            ("x = 1\n", "x = '\0'\n", "the file does not compile cleanly"),
            ("# zygote: reload\n", "x = 1\n", "the file asks for it"),
        ],
    )
    def test_a_reason_names_file_and_thing(self, old: str, new: str, said: str) -> None:
        """A reason names the file, the thing, and what is the matter with it."""
        found = reason(old, new)
        assert found.startswith("app/m.py: ")
        assert said in found

    def test_a_function_that_ran_may_move_but_not_change(self) -> None:
        """The body of a function that ran must not change, but may move."""
        module = replace(MODULE, ran=frozenset({("f", 1)}))
        assert (
            reason("def f(): return 1\n", "def f(): return 2\n", module)
            == "app/m.py: f ran while the project was imported"
        )
        assert isinstance(verdict("def f(): return 1\n", "\ndef f(): return 1\n", module), Keep)

    def test_a_module_that_is_never_patched(self) -> None:
        """What is known of the process comes first."""
        module = replace(MODULE, never_patched=(Reason("import-warns", "it is Tuesday"),))
        assert reason("x = 1\n", "x = 1 # one\n", module) == "app/m.py: it is Tuesday"

    @pytest.mark.parametrize(
        ("facts", "said"),
        [
            (None, "its class is made in a way of its own"),
            (replace(PLAIN, is_plain=False), "its class is made in a way of its own"),
            (replace(PLAIN, has_subclasses=True), "has subclasses or a base of others"),
            (replace(PLAIN, is_ours=False), "has subclasses or a base of others"),
        ],
    )
    def test_methods_of_unusual_classes(self, facts: ClassFacts | None, said: str) -> None:
        """A class that others were told of gets no new methods."""
        module = replace(MODULE, classes=lambda _title: facts)
        assert said in reason("class A: pass\n", "class A:\n    def g(self): pass\n", module)

    def test_a_name_that_others_looked_for(self) -> None:
        """They would find it now."""
        module = replace(MODULE, is_mentioned=lambda owner, name: (owner, name) == ("m", "g"))
        assert "other modules may have looked for it" in reason("", "def g(): pass\n", module)

    @pytest.mark.parametrize("text", ["x = g\n", "x = 'g'\n", "x = y.g\n", "x = globals()\n", "x = (1, 'g')\n"])
    def test_a_name_that_the_module_looked_for(self, text: str) -> None:
        """In whatever way it was executed."""
        assert "is new" in reason(text, f"{text}def g(): pass\n")

    def test_a_docstring_with_a_reader(self) -> None:
        """A decorator, a metaclass, or the module itself."""
        assert "docstring" in reason("@d\ndef f():\n    'a b'\n", "@d\ndef f():\n    'a c'\n")
        assert "docstring" in reason("def f():\n    'a b'\nd(f)\n", "def f():\n    'a c'\nd(f)\n")
        module = replace(MODULE, classes=lambda _title: replace(PLAIN, is_plain=False))
        assert "docstring" in reason("class A:\n    'a b'\n", "class A:\n    'a c'\n", module)
        assert "docstring" in reason("'a b'\nx = __doc__\n", "'a c'\nx = __doc__\n")

    def test_reload_for_one_is_reload_for_all(self) -> None:
        """A batch has one verdict."""
        assert reload_reason({"a": Keep(PatchPlan()), "b": Patch(("f",), PatchPlan())}) is None
        one, other = (Reason("import-differs", text) for text in ("a: y", "b: x"))
        assert reload_reason({"a": Keep(PatchPlan()), "b": Reload(other)}) == other
        assert reload_reason({"a": Reload(one), "b": Reload(other)}) == one.add(" (and 1 more files)")

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("x = 1  # zygote: reload\n", "x = 2\n", "reload-asked"),
            ("x = 1\n", "x = (\n", "does-not-compile"),
            ("x = f.f_lineno\n", "x = f.f_lineno  # as it is\n", "lines-examined"),
            ("x = 1\n", "x = 2\n", "import-differs"),
            ("def ran(): return 1\n", "def ran(): return 2\n", "ran-at-import"),
            ("def f(a): return 1\n", "def f(b): return 2\n", "signature-differs"),
            ("x = 'g'\n", "x = 'g'\ndef g(): pass\n", "addition-visible"),
            ("'a b'\nx = __doc__\n", "'a c'\nx = __doc__\n", "docstring-examined"),
            (
                "from __future__ import annotations\ndef f(a): return 1\nf\n",
                "from __future__ import annotations\ndef f(a: int): return 1\nf\n",
                "annotations-examined",
            ),
        ],
    )
    def test_each_reason_has_its_code(self, old: str, new: str, code: str) -> None:
        """By which it is documented."""
        found = verdict(old, new, replace(MODULE, ran=frozenset({("ran", 1)})))
        assert isinstance(found, Reload)
        assert found.reason.code == code


BODIES = st.sampled_from(
    ["return 1", "return 2", "yield 1", "return x", "return super()", "return [a for a in x]", "'''doc'''"]
)
DEFINITIONS = st.builds(
    "{}def {}({}):\n    {}\n".format,
    st.sampled_from(["", "", "@d\n", "async "]),
    st.sampled_from("fgh"),
    st.sampled_from(["", "a", "a=1", "*a"]),
    BODIES,
)
STATEMENTS = st.sampled_from(
    ["x = 1\n", "x = 2\n", "import json\n", "if x:\n    y = 1\n", "# nothing\n", "\n", "pass\n"]
)
MODULES = st.lists(st.one_of(DEFINITIONS, STATEMENTS), max_size=6).map("".join)


@given(old=MODULES, new=MODULES)
def test_never_patched_where_the_import_differs(old: str, new: str) -> None:
    """Without additions, keep and patch are given only if the module's code is the same but for bodies."""
    found = verdict(old, new, replace(MODULE, bound=frozenset({"json", *"fgh"})))
    if not isinstance(found, Reload) and not found.plan.added:
        before, after = compiled(old.encode()), compiled(new.encode())
        names = [[code.co_name for _, code in code_compare.walk(one)] for one in (before, after)]  # type: ignore[arg-type]
        top = [[name for name in some if name in "fgh"] for some in names]
        assert top[0] == top[1]


@given(text=MODULES)
def test_no_edit_is_kept(text: str) -> None:
    """The same text is kept, whatever ran, unless it does not compile without a warning."""
    everything = frozenset((name, line) for name in "fgh" for line in range(30))
    found = verdict(text, text, replace(MODULE, ran=everything))
    assert isinstance(found, (Keep, Reload))
    assert isinstance(found, Keep) or "compile" in found.reason.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"# zygote: reload\n", True),
        (b"#!/usr/bin/python\n'''Doc.'''\n#zygote:reload because of numba\n", True),
        (b"x = 1\n" * 10 + b"# zygote: reload\n", False),
        (b"# zygote: reloaded by others\n", False),
        (b"", False),
    ],
)
def test_the_mark_in_a_file(text: bytes, expected: bool) -> None:  # noqa: FBT001 - from the table
    """Only in the first lines, and only the word itself."""
    assert is_pinned(text) is expected


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("app/jit/fast.py", "app/jit/*", True),
        ("app/jit/fast.py", "./app/*.py", True),
        ("app/jit/fast.py", "fast.py", True),
        ("app/jit/fast.py", "jit/*", False),
        ("app/jit/faster.py", "fast.py", False),
    ],
)
def test_globs_with_a_slash_stand_for_paths(path: str, pattern: str, expected: bool) -> None:  # noqa: FBT001 - from the table
    """Patterns with a slash stand for paths, others for names."""
    assert is_always_reloaded(path, ["none.py", pattern]) is expected
