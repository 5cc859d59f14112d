"""What other parts of a run leave besides reports: coverage data, and the map of ``--affected``.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.adapters import coverage_settings
from pytest_zygote.core.affected.baseline import BaselineError, decode, encode, joined
from pytest_zygote.core.shards.errors import NoSourcesError, ShardError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pytest

    from pytest_zygote.shards.result_folder import ResultFolder


def defer_coverage_limit(config: pytest.Config) -> float:
    """Have a run not judge the coverage of a part; return the per cent that the whole must cover, 0 for none."""
    plugin = config.pluginmanager.get_plugin("_cov")
    if plugin is None or not plugin.options.cov_fail_under:
        return 0.0
    wanted = float(plugin.options.cov_fail_under)
    plugin.options.cov_fail_under = None
    return wanted


def keep(config: pytest.Config, folder: ResultFolder) -> None:
    """Copy what pytest-cov has measured, and the map of affected tests if that was to be elsewhere."""
    export = getattr(config.known_args_namespace, "affected_export", None)
    path = config.invocation_params.dir / (export or "")
    if export and path != folder.affected and path.exists():
        shutil.copyfile(path, folder.affected)
    if not config.pluginmanager.has_plugin("_cov") or not config.getoption("cov_source", default=None):
        return
    path = Path(coverage_settings.read(config.option.cov_config).data_file)
    if path.exists():
        shutil.copyfile(path, folder.coverage)


def merge_coverage(data: Sequence[Path], roots: Sequence[str], into: Path) -> float | None:
    """Put coverage data of several machines into one file, and print its report.

    Args:
        data: the files.
        roots: rootdir here, and those of the machines: they are taken for the same.
        into: the new file.

    Returns:
        per cent that are covered; None if there is no data.

    Raises:
        ShardError: coverage is not installed, or cannot read the data.
    """
    if not data:
        return None
    try:
        import coverage
        from coverage.exceptions import NoSource
    except ImportError as error:
        message = "the shards have measured coverage: install coverage to put it together"
        raise ShardError(message) from error
    into.unlink(missing_ok=True)
    try:
        whole = coverage.Coverage(data_file=str(into))
        paths = whole.get_option("paths")
        known = paths if isinstance(paths, dict) else {}
        whole.set_option("paths", {**known, "zygote_shards": list(dict.fromkeys(roots))})
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a file that cannot be read is left out with a warning
            whole.combine([str(path) for path in data], keep=True)
        whole.save()
        return whole.report()
    except NoSource as error:
        message = f"coverage: {error} here: the data is in {into}, and a report needs the sources"
        raise NoSourcesError(message) from error
    except (coverage.CoverageException, Warning) as error:
        message = f"coverage: {error}"
        raise ShardError(message) from error


def merge_maps(maps: Iterable[tuple[Path, Collection[str]]], into: Path) -> int:
    """Write one map of affected tests; return of how many tests, 0 if there are no maps.

    Args:
        maps: of the shards, each with the tests that it has run.
        into: the new file.

    Raises:
        ShardError: one cannot be read, or they were made in different surroundings.
    """
    found = []
    for path, tests in maps:
        if path.exists():
            try:
                found.append((decode(path.read_text(encoding="utf-8")), tests))
            except (OSError, BaselineError) as error:
                message = f"{path}: {error}"
                raise ShardError(message) from error
    if not found:
        return 0
    try:
        whole = joined(found)
    except BaselineError as error:
        message = f"the maps of affected tests: {error}"
        raise ShardError(message) from error
    into.write_text(encode(whole), encoding="utf-8")
    return len(whole.tests)
