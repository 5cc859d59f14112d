"""What runs taught about a project, kept in pytest's cache folder.

The file follows pytest's own layout (``v/zygote/graph``), so ``--cache-show`` shows it and
``--cache-clear`` removes it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tempfile

from pytest_zygote.core.layers.module_graph import ModuleGraph

FORMAT = 2
"""Raised whenever the meaning of the file changes; another number is ignored."""


def load_graph(cache: str) -> ModuleGraph:
    """Return what is stored, or an empty graph if nothing is, or nothing that fits this interpreter."""
    if not cache:
        return ModuleGraph()
    try:
        with open(_path(cache), encoding="utf-8", errors="surrogatepass") as file:
            stored = json.load(file)
        if stored.pop("format") != FORMAT or stored.pop("interpreter") != _interpreter():
            return ModuleGraph()
        modules = {name: tuple(row) for name, row in stored.pop("modules").items()}
        return ModuleGraph(modules=modules, path=tuple(stored.pop("path")), **stored)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ModuleGraph()


def save_graph(cache: str, graph: ModuleGraph) -> None:
    """Store a graph without values of the environment.

    A full or read-only disk only means that the next daemon learns anew.
    """
    if not cache or not os.path.isdir(cache):
        return
    content = {"format": FORMAT, "interpreter": _interpreter(), **dataclasses.asdict(graph.storable())}
    for passing in ("seen", "retried"):
        del content[passing]
    path = _path(cache)
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
                json.dump(content, file)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)


def _interpreter() -> str:
    # As in `rendezvous`: one interpreter has several names.
    return f"{sys.prefix} {os.path.realpath(sys.executable)} {sys.version}"


def _path(cache: str) -> str:
    return os.path.join(cache, "v", "zygote", "graph")
