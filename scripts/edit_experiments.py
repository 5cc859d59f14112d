"""The experiments with edits: what it costs to save loaded modules: one, a thousand at once, ten thousand in a row."""

import re
from datetime import datetime
from pathlib import Path
from typing import cast

from scripts import procfs, synthetic
from scripts.bench import ADDOPTS, Bench
from scripts.figures import Samples
from scripts.runners import Plain, Warm, private_place
from scripts.stopwatch import UntrueRunError

LARGE = 2000
LONG = 300
SWITCHED = 1000

_SPAWNED = re.compile(r"^(\S+ \S+) project layer \d+: a fork of", re.MULTILINE)
_JUDGED = re.compile(r"^(\S+ \S+) project layer \d+: \S+: (?:kept|patched)", re.MULTILINE)


def edit_large(bench: Bench) -> Samples:
    """A run at once after a function body was saved, in a project of two thousand modules."""
    test = synthetic.EDITED_TEST
    with private_place() as place:
        plain_edits = synthetic.Edits(place.scratch / "plain", LARGE)
        warm_edits = synthetic.Edits(place.scratch / "warm", LARGE, addopts=ADDOPTS)
        plain, warm = Plain(place, bench.ours, plain_edits.folder), Warm(place, bench.ours, warm_edits.folder)

        def after_edit() -> float:
            procfs.wait_until_idle(place.scratch)
            warm_edits.edit_body()
            return warm.pz(test).seconds

        def cold() -> float:
            plain_edits.edit_body()
            return plain.pytest(test).seconds

        with warm.started():
            warm.pz(test)
            procfs.wait_until_idle(place.scratch)
            samples = bench.interleaved(
                {"cold": cold, "body": after_edit, "same": lambda: warm.pz(test).seconds}, max(3, bench.repeat // 3)
            )
            _expect_patches(warm)
            return samples


def _expect_patches(warm: Warm) -> None:
    verdicts = cast("list[dict[str, str]]", warm.status()["verdicts"])
    reloaded = [verdict["reason"] for verdict in verdicts if "reloaded" in verdict["reason"]]
    if reloaded or not verdicts:
        raise UntrueRunError(f"the edits were not patched: {reloaded[-1:]}")


def shifted_lines(bench: Bench) -> Samples:
    """One line inserted above three hundred functions, where pandas and scipy are loaded."""
    with private_place() as place:
        project = synthetic.write_long_file(place.scratch / "long", LONG, ADDOPTS)
        warm = Warm(place, bench.ours, project)
        with warm.started():
            warm.pz(synthetic.LONG_TEST)
            procfs.wait_until_idle(place.scratch)
            for number in range(bench.repeat):
                (project / "long.py").write_text(f"# {number}\n" + (project / "long.py").read_text())
                warm.pz(synthetic.LONG_TEST)
            _expect_patches(warm)
            log = next((place.scratch / "run").rglob("*.log")).read_text(errors="replace")
    began, ended = ([_clock(match[1]) for match in pattern.finditer(log)] for pattern in (_SPAWNED, _JUDGED))
    return {"live": [end - start for start, end in zip(began, ended, strict=True)]}


def _clock(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


_IMPORT = """
import sys, time
import pandas, scipy.stats, pytest_zygote.adapters.interpreter.executed_code as starts
sys.path.insert(0, {folder!r})
if {is_recording}:
    starts.new_starts(lambda path: path.startswith({folder!r})).start()
start = time.process_time()
import app.every
print(time.process_time() - start)
"""


def import_graph(bench: Bench) -> Samples:
    """The import of two thousand modules, recording what runs and who looks at code, and plain."""
    with private_place() as place:
        folder = synthetic.Edits(place.scratch / "graph", LARGE).folder
        plain = Plain(place, bench.ours, folder)

        def seconds(*, is_recording: bool) -> float:
            return float(plain.python("-c", _IMPORT.format(folder=str(folder), is_recording=is_recording)).out)

        return bench.interleaved(
            {"recorded": lambda: seconds(is_recording=True), "plain": lambda: seconds(is_recording=False)}
        )


def busy_test(bench: Bench) -> Samples:
    """What a test computes with functions that were just patched, and in plain pytest: its own processor time."""
    with private_place() as place:
        folders = {name: place.scratch / name for name in ("plain", "warm")}
        for name, folder in folders.items():
            synthetic.write_busy_project(folder, 0, ADDOPTS if name == "warm" else "")
        plain, warm = Plain(place, bench.ours, folders["plain"]), Warm(place, bench.ours, folders["warm"])
        numbers = iter(range(1, 10_000))

        def patched() -> float:
            synthetic.write_busy_project(folders["warm"], next(numbers), ADDOPTS)
            warm.pz(synthetic.BUSY_TEST)
            return _seconds(folders["warm"])

        def unpatched() -> float:
            plain.pytest(synthetic.BUSY_TEST)
            return _seconds(folders["plain"])

        with warm.started():
            warm.pz(synthetic.BUSY_TEST)
            procfs.wait_until_idle(place.scratch)
            samples = bench.interleaved({"patched": patched, "plain": unpatched})
            _expect_patches(warm)
            return samples


def _seconds(folder: Path) -> float:
    return float((folder / "seconds.txt").read_text(encoding="utf-8"))


def branch_switch(bench: Bench) -> Samples:
    """A thousand files change at once: how long until the next run, beyond what their imports take?"""
    with private_place() as place:
        project = synthetic.write_plain_files(place.scratch / "files", LARGE, ADDOPTS)
        warm = Warm(place, bench.ours, project)
        with warm.started():
            warm.pz(synthetic.WATCHED_TEST)
            procfs.wait_until_idle(place.scratch)
            waits = []
            for number in range(max(3, bench.repeat // 3)):
                same = warm.pz(synthetic.WATCHED_TEST).seconds
                for path in sorted(project.glob("package_*/module_*.py"))[:SWITCHED]:
                    path.write_text(f"NUMBER = {int(path.stem[-5:])} + {number} - {number}\n")
                switched = warm.pz(synthetic.WATCHED_TEST).seconds
                waits.append(switched - same - _import_seconds(warm))
    return {"wait": waits}


def _import_seconds(warm: Warm) -> float:
    layers = cast("list[dict[str, object]]", warm.status()["layers"])
    return sum(cast("int", layer["took_ms"]) for layer in layers if layer["kind"] == "project") / 1000


def many_edits(bench: Bench) -> Samples:
    """Edits in a row, ten for each run of the endurance test: what grows? The first tenth is for settling."""
    with private_place() as place:
        edits = synthetic.Edits(place.scratch / "warm", addopts=ADDOPTS)
        warm = Warm(place, bench.ours, edits.folder)
        sizes = []
        with warm.started():
            warm.pz(synthetic.EDITED_TEST)
            for number in range(-bench.runs, 10 * bench.runs + 1):  # the first ones settle
                edits.edit_body()
                warm.pz(synthetic.EDITED_TEST)
                if number >= 0 and number % bench.runs == 0:
                    procfs.wait_until_idle(place.scratch)
                    sizes.append(sum(process.proportional_memory for process in procfs.inside(place.scratch)))
                    bench.say(f"  edit {number} of {10 * bench.runs}: {sizes[-1] / 1e6:.2f} MB")
            _expect_patches(warm)
    return {"growth": [(sizes[-1] / sizes[0] - 1) * 100]}
