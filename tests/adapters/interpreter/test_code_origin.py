"""Whose code a file is."""

from __future__ import annotations

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.affected import recorder


def test_this_package_is_nobodys_project() -> None:
    """Wherever it is installed: what it executes says nothing about a test."""
    assert not code_origin.is_own(recorder.__file__)
    assert not code_origin.is_own(code_origin.__file__)
    assert code_origin.is_own("/srv/app/recorder.py")
