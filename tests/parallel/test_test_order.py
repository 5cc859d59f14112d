"""Which tests each worker must run last."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import cast

import pytest

from pytest_zygote.parallel.test_order import late_tests, uses_django


class TransactionTestCase:
    """Django's, which empties all tables."""


class TestCase(TransactionTestCase):
    """Django's, which rolls back."""

    __test__ = False


class Item:
    """A test, as far as the order looks at it."""

    def __init__(self, config: pytest.Config, *, cls: type | None = None, fixtures: tuple[str, ...] = ()) -> None:
        """Have no mark."""
        self.config = config
        self.cls = cls
        self.fixturenames = fixtures
        self.mark: pytest.Mark | None = None

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        """Return the mark for the database."""
        return self.mark if name == "django_db" else None


def config_with(*plugins: str) -> pytest.Config:
    """Return a configuration with some plugins."""
    return cast("pytest.Config", SimpleNamespace(pluginmanager=SimpleNamespace(hasplugin=plugins.__contains__)))


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> pytest.Config:
    """Return the configuration of a project that uses Django."""
    conf = SimpleNamespace(settings=SimpleNamespace(configured=True))
    classes = SimpleNamespace(TransactionTestCase=TransactionTestCase, TestCase=TestCase)
    monkeypatch.setitem(sys.modules, "django.conf", conf)
    monkeypatch.setitem(sys.modules, "django.test", classes)
    return config_with("django")


def is_late(item: Item) -> bool:
    """Return whether a test comes last in its session."""
    test = cast("pytest.Item", item)
    return late_tests([test])(test)


def test_a_project_uses_django_if_its_settings_are_configured(config: pytest.Config) -> None:
    """The plugin is installed in many environments whose projects do not."""
    assert uses_django(config)
    assert not uses_django(config_with())
    sys.modules["django.conf"].settings.configured = False
    assert not uses_django(config)
    del sys.modules["django.conf"]
    assert not uses_django(config)


@pytest.mark.parametrize(
    ("cls", "expected"),
    [(TransactionTestCase, True), (type("Own", (TransactionTestCase,), {}), True), (TestCase, False), (object, False)],
)
def test_classes_that_empty_all_tables_come_last(config: pytest.Config, cls: type, *, expected: bool) -> None:
    """Those that roll back do not, though they are subclasses."""
    assert is_late(Item(config, cls=cls)) is expected


@pytest.mark.parametrize(
    ("args", "named", "expected"),
    [
        ((), {}, False),
        ((True,), {}, True),
        ((False, True), {}, True),
        ((False, False, ["default"]), {}, False),
        ((), {"transaction": True}, True),
        ((), {"reset_sequences": True}, True),
        ((), {"transaction": False, "databases": ["default"]}, False),
    ],
)
def test_marks_that_give_real_transactions(
    config: pytest.Config, args: tuple[object, ...], named: dict[str, object], *, expected: bool
) -> None:
    """By position or by name."""
    item = Item(config)
    item.mark = cast("pytest.Mark", SimpleNamespace(args=args, kwargs=named))
    assert is_late(item) is expected


@pytest.mark.parametrize(
    ("fixtures", "expected"),
    [((), False), (("db",), False), (("db", "transactional_db"), True), (("live_server",), True)],
)
def test_fixtures_that_give_real_transactions(
    config: pytest.Config, fixtures: tuple[str, ...], *, expected: bool
) -> None:
    """A test may ask for them without a mark."""
    assert is_late(Item(config, fixtures=fixtures)) is expected


def test_without_django_no_test_comes_last() -> None:
    """Whatever its fixtures are called."""
    assert not is_late(Item(config_with(), fixtures=("live_server",)))
    assert not late_tests([])(cast("pytest.Item", None))
