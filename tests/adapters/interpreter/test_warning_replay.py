"""The warnings of a layer's modules are given again."""

from __future__ import annotations

import functools
import sys
import warnings
from types import SimpleNamespace

import pytest

from pytest_zygote.adapters.interpreter.warning_replay import WarningReplay
from pytest_zygote.core.layers.import_effects import Warned


class Settings:
    """Django's settings, which warn when they are read."""

    def __init__(self) -> None:
        """Be unread."""
        self.configured = False

    @property
    def DEBUG(self) -> bool:  # noqa: N802 - its name
        """Read all settings."""
        self.configured = True
        warnings.warn("a setting is deprecated", DeprecationWarning, stacklevel=2)
        return False


def warned(*, is_of_settings: bool) -> Warned:
    """Return a warning of line 7 of a module."""
    message = warnings.WarningMessage(UserWarning("old"), UserWarning, "shop.py", 7)
    return Warned(message, "shop", -1, is_of_settings=is_of_settings)


def test_a_warning_is_given_where_it_was(recwarn: pytest.WarningsRecorder) -> None:
    """With file and line of the layer's module."""
    WarningReplay({}).give(("", "shop"), warned(is_of_settings=False))

    assert [(str(one.message), one.filename, one.lineno) for one in recwarn] == [("old", "shop.py", 7)]


def test_a_warning_of_settings_is_given_by_the_first_who_reads_them(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """The run has read them then; it has if it read them itself, and Django has warned by then."""
    settings = Settings()
    monkeypatch.setitem(sys.modules, "django.conf", SimpleNamespace(settings=settings))
    replay = WarningReplay({})
    replay.give(("", "shop"), warned(is_of_settings=True))

    assert settings.configured
    assert [str(one.message) for one in recwarn] == ["old"]
    replay.give(("", "shop"), warned(is_of_settings=True))
    assert len(recwarn) == 1


def test_a_warning_may_be_an_error() -> None:
    """If the filters of the run say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="old"):
            WarningReplay({}).give(("", "shop"), warned(is_of_settings=False))


def import_it(names: tuple[str, ...], event: Warned) -> None:
    """Be the statement by which a run imports a module."""
    contents = {"__name__": "test_shop", "replay": functools.partial(WarningReplay({}).give, names, event)}
    exec(compile("replay()", "test_shop.py", "exec"), contents)  # noqa: S102 - a module of the run


@pytest.mark.parametrize(
    ("names", "depth", "outside", "expected"),
    [
        (("", "shop"), 0, 0, "test_shop.py"),
        (("", "app", "shop"), 1, 0, "test_shop.py"),
        (("", "shop"), 1, 0, __file__),
        (("", "shop"), 0, 1, __file__),
    ],
)
def test_a_warning_may_name_who_imports(
    recwarn: pytest.WarningsRecorder, names: tuple[str, ...], depth: int, outside: int, expected: str
) -> None:
    """So many statements above: in the layer, another module may have led to the one that warned."""
    message = warnings.WarningMessage(UserWarning("old"), UserWarning, "zygote.py", 7)
    import_it(names, Warned(message, "zygote", outside, depth))

    assert [one.filename for one in recwarn] == [expected]
