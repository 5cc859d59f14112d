"""pytest's assertion rewriting, for modules that a layer imports before pytest does.

Plugins and registered helpers have their asserts rewritten when pytest imports them. Imported
any other way they would lose that, and pytest would warn that it comes too late. So a layer
imports them through the very hook that pytest uses.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from _pytest.assertion import install_importhook
from _pytest.assertion.rewrite import AssertionRewritingHook
from _pytest.config import get_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType


@contextlib.contextmanager
def rewriting(names: Sequence[str]) -> Iterator[None]:
    """Rewrite the assertions of these modules while they are imported in this context."""
    config = get_config()
    vars(config).setdefault("inicfg", {})  # pytest 8 has it only when it has parsed a command line
    hook = install_importhook(config)
    try:
        if names:
            hook.mark_rewrite(*names)
        yield
    finally:
        sys.meta_path.remove(hook)


def is_rewritten(module: ModuleType) -> bool:
    """Tell whether a module was loaded with rewritten assertions."""
    return isinstance(getattr(module, "__loader__", None), AssertionRewritingHook)
