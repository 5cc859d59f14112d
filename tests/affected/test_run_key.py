"""What holds for all tests of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.private import light
from pytest_zygote.affected import run_key
from tests.affected.fakes import config_of, tree_at

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "is_neutral"), [("verbose", True), ("keyword", True), ("daemon_port", True), ("django_settings", False)]
)
def test_options_count_unless_they_choose_or_show_tests(tmp_path: Path, name: str, *, is_neutral: bool) -> None:
    """Those of plugins too, whatever they mean."""
    one, other = (
        run_key.parts_of(config_of(tmp_path, options={name: value}), tree_at(tmp_path), knows_environ=True)
        for value in ("a", "b")
    )

    assert (one == other) is is_neutral


@pytest.mark.parametrize(("options", "is_same"), [({"frozen_modules": "off"}, True), ({"mine": True}, False)])
def test_options_of_the_interpreter_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str | bool], *, is_same: bool
) -> None:
    """Also those that only code can mean; not those that it cannot notice."""
    monkeypatch.setattr(light, "x_options", dict)
    parts = [run_key.parts_of(config_of(tmp_path), tree_at(tmp_path), knows_environ=True)]
    monkeypatch.setattr(light, "x_options", lambda: options)
    parts.append(run_key.parts_of(config_of(tmp_path), tree_at(tmp_path), knows_environ=True))

    assert (parts[0] == parts[1]) is is_same


def test_overrides_and_plugins_count(tmp_path: Path) -> None:
    """But for this plugin."""
    plain, ours, other, override = (
        run_key.parts_of(config_of(tmp_path, options=options), tree_at(tmp_path), knows_environ=True)["options"]
        for options in ({}, {"plugins": ["pytest_zygote"]}, {"plugins": ["more"]}, {"override_ini": ["a=b"]})
    )

    assert plain == ours
    assert len({plain, other, override}) == 3


def test_only_the_tables_of_pytest_count_in_a_file_of_many_tools(tmp_path: Path) -> None:
    """A dependency that is added there changes no test."""
    ini = tmp_path / "pyproject.toml"
    found = []
    for dependencies, addopts in ((1, "a"), (2, "a"), (2, "b")):
        ini.write_text(f"[project]\nx = {dependencies}\n[tool.pytest.ini_options]\naddopts = '{addopts}'\n[tool.y]\n")
        found.append(
            run_key.parts_of(config_of(tmp_path, inipath=ini), tree_at(tmp_path), knows_environ=True)["the ini-file"]
        )

    assert found[0] == found[1] != found[2]


def test_the_whole_of_another_ini_file_counts(tmp_path: Path) -> None:
    """It is pytest's."""
    ini = tmp_path / "pytest.ini"
    ini.write_text("[pytest]\n")

    assert (
        run_key.parts_of(config_of(tmp_path, inipath=ini), tree_at(tmp_path), knows_environ=True)["the ini-file"]
        == "[pytest]\n"
    )


def test_environment_keys_count_unless_tests_show_which_they_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But those that native code reads, unseen, count always."""
    monkeypatch.setenv("COLOUR", "red")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    config = config_of(tmp_path)

    known = run_key.parts_of(config, tree_at(tmp_path), knows_environ=True)["the environment"]
    unknown = run_key.parts_of(config, tree_at(tmp_path), knows_environ=False)["the environment"]

    assert "COLOUR=red" not in known
    assert "COLOUR=red" in unknown
    assert "OMP_NUM_THREADS=3" in known


def test_what_is_stored_holds_no_value() -> None:
    """Checksums of each part, and one of all."""
    parts = {"options": "secret", "the environment": "KEY=secret"}

    assert "secret" not in str(run_key.digests_of(parts))
    assert run_key.digest_of(parts) == run_key.digest_of(dict(reversed(parts.items())))
    assert run_key.digest_of(parts) != run_key.digest_of({**parts, "options": "other"})
