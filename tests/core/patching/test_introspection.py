"""What code may have asked for is in its words."""

from __future__ import annotations

import pytest

from pytest_zygote.core.patching.introspection import OWN_LINES, kinds_in, line_words, may_ask, words

ASKING = [
    "import m\nm.g()\n",
    "import m\nhasattr(m, 'g')\n",
    "import m\nhasattr(m, chr(103))\n",
    "from app.m import f, g\n",
    "from app.m import (\n    f,\n    g,\n)\n",
    "from m import *\n",
    "from . import g\n",
    "import m\nvars(m)\n",
    "import m\nregister(m)\n",
    "import app\nregister(app.m)\n",
    "import m as other\nregister(other)\n",
    "import app.m as other\nregister(other)\n",
    "from m import f as other\nfrom app import m as third\n",
    "import importlib, inspect\ninspect.getmembers(importlib.import_module(x))\n",
    "import sys\nvars(sys.modules[x])\n",
]

SILENT = [
    "import m\nm.f()\n",
    "import app.m\napp.m.f()\n",
    "import app.m as m\nm.f()\n",
    "from app import m\nclass A(m.B): pass\n",
    "from app.m import f\nf()\n",
    "from other import *\n",
    "import m\nlogging = 1\n",
    "import m\ndef never(): register(m); m.g()\n",
]


@pytest.mark.parametrize("text", ASKING)
def test_who_may_have_asked(text: str) -> None:
    """By name, by an attribute with a computed name, or by handing the owner to others; and the text tells too."""
    assert words([compile(text, "other.py", "exec")]).asks("m", "g")
    assert may_ask(text.encode(), "m", "g")


@pytest.mark.parametrize("text", SILENT)
def test_who_cannot_have_asked(text: str) -> None:
    """Whoever takes other names from the owner."""
    assert not words([compile(text, "other.py", "exec")]).asks("m", "g")


def test_all_names_are_no_name() -> None:
    """``from x import *`` adds a name that is none."""
    assert not may_ask(b"import other\n", "m", "*")


def test_a_class_that_is_used() -> None:
    """Whoever gets a class as an object may look at all its methods."""
    assert words([compile("import m\nx = isinstance(y, m.A)\n", "other.py", "exec")]).asks("A", "g")
    assert words([compile("import m\nx = m.A()\n", "other.py", "exec")]).asks("A", "g")
    assert not words([compile("import m\nx = m.A.f\n", "other.py", "exec")]).asks("A", "g")


def test_what_a_text_is_curious_about() -> None:
    """Lines and docstrings; one that keeps code objects and is told of new ones may have them."""
    assert kinds_in(b"f.__code__") == {"lines"}
    assert kinds_in(b"f.__doc__") == {"docs"}
    assert kinds_in(b"f.docs") == frozenset()
    assert line_words(b"f.__code__") == OWN_LINES
    assert "__code__" not in line_words(b"def __conform__(self, new): pass")
