"""The experiments with workers."""

from typing import TYPE_CHECKING

from scripts import example
from scripts.figures import Samples
from scripts.runners import Plain, private_place

if TYPE_CHECKING:
    from scripts.experiments import Bench

FILES = 20
PER_FILE = 200
TRIVIAL = "".join(f"def test_{number:03}():\n    assert {number} >= 0\n\n\n" for number in range(PER_FILE))


def trivial_tests(bench: "Bench") -> Samples:
    """Four thousand tests that take no time: what they take beyond start and collection, with and without workers."""
    with private_place() as place:
        folder = place.scratch / "plain"
        texts = {f"tests/test_{file:02}.py": TRIVIAL for file in range(FILES)}
        example.write_files(folder, texts | {"pytest.ini": example.ini("-p pytest_zygote --daemon-disable")})
        plain = Plain(place, bench.ours, folder)
        samples = bench.interleaved(
            {
                "collection": lambda: plain.call("pytest", "-q", "--collect-only").that_succeeded().seconds,
                "plain": lambda: plain.pytest("-q", "-n0", tests=FILES * PER_FILE).seconds,
                "workers": lambda: plain.pytest("-q", "-n2", tests=FILES * PER_FILE).seconds,
            },
            max(3, bench.repeat // 3),
        )
    return {
        name: [all_of - start for all_of, start in zip(samples[name], samples["collection"], strict=True)]
        for name in ("plain", "workers")
    }
