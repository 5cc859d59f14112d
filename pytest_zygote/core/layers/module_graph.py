"""Which modules a layer imports, from what runs have taught.

A run reports the modules it imported. Third-party ones go to the base layer, first-party ones
to the project layer, test modules and conftest files (leaves) to none: each run executes them.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIRST = "first"
THIRD = "third"
REWRITTEN = "rewritten"

DJANGO = "pytest_zygote.django.apps"
"""The module of ours that stands in the project layer for the loading of Django's apps."""

DJANGO_SETTINGS = "DJANGO_SETTINGS_MODULE"

SETTINGS_KEYS = (DJANGO_SETTINGS, "DJANGO_CONFIGURATION")
"""Environment keys without which a project cannot be imported at all: always given to layers if a run had them."""

EXCLUDED = ("vscode_pytest",)
"""Never imported early: VS Code's plugin reads the name of its pipe when it is imported, another in each run."""

NEUTRAL = ("pytest_zygote", "vscode_pytest", "teamcity.pytest_plugin")
"""Plugins that only report: a project's modules are the same with and without them, in a terminal and in an IDE."""

FAILED = "it cannot be imported early: "
"""How reasons begin that any edit may remove, unlike what a module does by itself (a thread, a socket)."""


WRITTEN = "the run itself had written its file: "
"""How reasons begin that no edit removes: each run writes the file again."""


@dataclass
class ModuleGraph:
    """What runs have taught about a project; kept on disk between daemons.

    Attributes:
        modules: name → (origin, party, 'rewritten' or ''), in the order a run imported them.
        leaves: name → file of test modules and conftest files.
        path: `sys.path` when collection had ended.
        context: environment keys that conftest files or plugins set, with their values; of these only
            the names of Django's settings are stored.
        facts: options of the runs that taught this.
        rejected: module → reason, of modules that must not be imported early.
        seen: path → identity, of files that no layer holds, as they were for the last run; not stored.
        retried: rejected modules that were given another chance since files changed; not stored.
    """

    modules: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    leaves: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    context: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    seen: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False)
    retried: set[str] = field(default_factory=set, compare=False)

    def learn(self, rows: tuple[tuple[str, str, str, str], ...]) -> bool:
        """Add modules; return whether any is new, or has another chance because a run could import it."""
        has_grown = False
        for name, origin, party, rewritten in rows:
            if name not in self.leaves and self.modules.get(name, ("",))[0] != origin:
                self.modules.pop(name, None)
                self.modules[name] = (origin, party, rewritten)
                has_grown = True
            if self.rejected.get(name, "").startswith(FAILED) and name not in self.retried:
                self.retried.add(name)
                del self.rejected[name]
                has_grown = True
        return has_grown

    def blame(self, suspects: dict[str, str]) -> bool:
        """Note modules that made a build fail; return whether this changes the next build.

        A third-party module that fails in the base layer may need the project (its settings, say), so it gets
        another chance in the project layer, after the modules of the project.
        """
        before = len(self.rejected), list(self.modules.values())
        for name, reason in suspects.items():
            origin, party, rewritten = self.modules.get(name, ("", FIRST, ""))
            if party == THIRD and reason.startswith(FAILED):
                del self.modules[name]
                self.modules[name] = (origin, FIRST, rewritten)
            else:
                self.rejected[name] = reason
        return before != (len(self.rejected), list(self.modules.values()))

    def storable(self) -> ModuleGraph:
        """Return what may be written to the disk: it holds no value of the environment, which may be a password.

        Not even a digest is kept: the first run of another daemon teaches the values again. A module's error may
        quote one, so of its text only the kind of the error is left.
        """
        return dataclasses.replace(
            self,
            context={key: value for key, value in self.context.items() if _is_settings_name(key, value)},
            rejected={name: _ERROR.sub(r"\1", reason) for name, reason in self.rejected.items()},
        )

    def builtin(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Return the modules of ours that the project layer imports first."""
        needs_django = "django.apps.registry" in self.modules and DJANGO_SETTINGS in environ
        return (DJANGO,) if needs_django and DJANGO not in self.rejected else ()

    def forgive(self, changed: Iterable[str]) -> list[str]:
        """Give modules another chance whose files changed, and all that only failed; return their names."""
        paths = frozenset(changed)
        forgiven = [
            name
            for name, reason in self.rejected.items()
            if reason.startswith(FAILED)
            or (self.modules.get(name, ("",))[0] in paths and not reason.startswith(WRITTEN))
        ]
        for name in forgiven if paths else ():
            del self.rejected[name]
            self.retried.discard(name)
        return forgiven if paths else []

    def select(self, party: str, excluded: tuple[str, ...]) -> list[str]:
        """Return the modules of a party that may be imported early, in order.

        Args:
            party: `FIRST` or `THIRD`.
            excluded: patterns of the user's (``zygote_exclude``); a package stands for all in it.
        """
        return [
            name
            for name, (_, known, _) in self.modules.items()
            if known == party
            and name not in self.leaves
            and name not in self.rejected
            and not is_excluded(name, excluded)
        ]


_ERROR = re.compile(f"^({FAILED}[A-Za-z_][A-Za-z_0-9.]*): .*", re.DOTALL)


def _is_settings_name(key: str, value: str) -> bool:
    return key in SETTINGS_KEYS and all(part.isidentifier() for part in value.split("."))


def is_excluded(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a module is one of the patterns, or inside a package that is."""
    return any(fnmatch.fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") for pattern in patterns)


def is_leaf(path: str) -> bool:
    """Return whether a file looks like a test module or conftest file, by pytest's own defaults."""
    name = path.rpartition("/")[2]
    return name == "conftest.py" or fnmatch.fnmatch(name, "test_*.py") or fnmatch.fnmatch(name, "*_test.py")
