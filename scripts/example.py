"""The example project that the demonstration and the benchmark are run on.

A small data project: a package on pandas, scipy, scikit-learn and statsmodels, and a hundred quick tests of it. Its
tests take about a second and its imports take several, which is the situation a warm run is made for.
"""

from pathlib import Path

from scripts import example_package, example_tests

LIBRARIES = ("pandas", "scipy", "scikit-learn", "statsmodels")
"""The distributions that the example project imports."""

ONE_TEST = "tests/test_prices.py::test_returns_are_relative_changes"
"""The test that single-test figures are about. It is over in a millisecond: the rest of the time is start-up."""

TESTS = 112
"""How many tests the project has. A run of all of them must report this number, or it did not run them all."""


def write(folder: Path, addopts: str = "") -> Path:
    """Write the example project into *folder*, with *addopts* in its pytest.ini, and return *folder*."""
    write_files(folder, example_package.FILES | example_tests.FILES | {"pytest.ini": ini(addopts)})
    return folder


def ini(addopts: str) -> str:
    """Return the text of a pytest.ini: where the tests are, and *addopts* if there are any."""
    return "[pytest]\ntestpaths = tests\n" + (f"addopts = {addopts}\n" if addopts else "")


def write_files(folder: Path, texts: dict[str, str]) -> None:
    """Write each text to its path below *folder*, making the folders on the way."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
