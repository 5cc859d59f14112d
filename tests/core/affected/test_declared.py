"""What texts name that tests are marked with."""

from __future__ import annotations

import pytest

from pytest_zygote.core.affected.declared import need_of
from pytest_zygote.core.affected.dependency import DATA, ENVIRON, FILES, PACKAGE, PROJECT, Need


def relative(path: str) -> str:
    """Return a path as seen from the root folder."""
    return "" if path == "/srv/root" else path.removeprefix("/srv/root/")


THERE = {"app": "folder", "a[1]": "folder", "b[1].txt": "file"}


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("schema.sql", Need(DATA, "schema.sql")),
        ("./data//../schema.sql", Need(DATA, "schema.sql")),
        ("../shared.sql", Need(DATA, "../shared.sql")),
        ("/srv/root/schema.sql", Need(DATA, "schema.sql")),
        ("/etc/hosts", Need(DATA, "/etc/hosts")),
        ("app", Need(FILES, "app")),
        ("missing/", Need(FILES, "missing")),
        ("a[1]", Need(FILES, "a[[]1]")),
        ("b[1].txt", Need(DATA, "b[1].txt")),
        ("data/**/*.json", Need(FILES, "data/**/*.json")),
        ("data/*/", Need(FILES, "data/*")),
        (".", Need(PROJECT)),
        ("/srv/root", Need(PROJECT)),
        ("$DB_URL", Need(ENVIRON, "", "DB_URL")),
        ("package:Ruamel.Yaml", Need(PACKAGE, "", "ruamel-yaml")),
    ],
)
def test_a_text_names_a_need(text: str, need: Need) -> None:
    """Whether or not it is there: a folder that is missing ends with a slash."""
    assert need_of(text, relative, lambda path: THERE.get(path, "")) == need


@pytest.mark.parametrize("text", ["", " ", "$", "${KEY}", "$A=1", "package:", "package:a b", "a\0b"])
def test_what_names_nothing_is_an_error(text: str) -> None:
    """Which shows the text and what would be right."""
    with pytest.raises(ValueError, match=r"takes a path, a glob, '\$KEY' or 'package:NAME'"):
        need_of(text)


@pytest.mark.parametrize("text", ["/", "/**/*.json"])
def test_the_whole_system_is_too_much(text: str) -> None:
    """A run would look at each file of it."""
    with pytest.raises(ValueError, match="cannot look through the whole system"):
        need_of(text, str, lambda _: "folder" if text == "/" else "")


def test_what_is_no_text_is_an_error() -> None:
    """Such as a list, which should have been unpacked."""
    with pytest.raises(TypeError, match=r"not \['schema.sql'\]"):
        need_of(["schema.sql"])
