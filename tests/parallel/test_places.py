"""Where an exception of a worker came from."""

from __future__ import annotations

import traceback

from pytest_zygote.parallel.places import Place, places_of, traceback_of


def test_a_traceback_shows_the_places_of_another() -> None:
    """With the same files, names and lines, in the same order."""
    given = (Place("/p/a.py", "outer", 3, 5), Place("/p/b.py", "inner", 10, 12))
    error = KeyboardInterrupt().with_traceback(traceback_of(given))
    assert places_of(error) == given
    shown = traceback.extract_tb(error.__traceback__)
    assert [(entry.filename, entry.name, entry.lineno) for entry in shown] == [
        ("/p/a.py", "outer", 5),
        ("/p/b.py", "inner", 12),
    ]


def test_the_innermost_place_of_an_exception_is_the_last() -> None:
    """It is where the exception was raised."""
    try:
        raise KeyboardInterrupt  # noqa: TRY301 - the place
    except KeyboardInterrupt as error:
        place = places_of(error)[-1]
    assert (place.file, place.name) == (__file__, "test_the_innermost_place_of_an_exception_is_the_last")


def test_no_places_are_no_traceback() -> None:
    """An exception without one has not been raised yet."""
    assert traceback_of(()) is None
