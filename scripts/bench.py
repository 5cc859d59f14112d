"""What every experiment of the benchmark is given: environments to measure in, and how often to measure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from scripts import example
from scripts.environments import Cache, Environment
from scripts.figures import Samples
from scripts.runners import Fast, Hot, Place, Plain, Warm

ADDOPTS = "-p pytest_zygote"


@dataclass(frozen=True)
class Bench:
    """What every experiment gets.

    Attributes:
        ours: the environment that our plugin is measured in.
        cache: where the peers' environments are.
        repeat: how many rounds.
        idle_seconds: how long an idle daemon is watched.
        runs: how many runs in a row are an endurance test.
        say: tells the person who waits what is going on.
    """

    ours: Environment
    cache: Cache
    repeat: int
    idle_seconds: float
    runs: int
    say: Callable[[str], None] = field(compare=False)

    def interleaved(self, contenders: Mapping[str, Callable[[], float]], repeat: int | None = None) -> Samples:
        """Measure each contender once in each round, after one round that does not count."""
        samples: dict[str, list[float]] = {name: [] for name in contenders}
        rounds = repeat or self.repeat
        for number in range(rounds + 1):
            for name, measure in contenders.items():
                value = measure()
                if number:
                    samples[name].append(value)
            self.say(f"  round {number} of {rounds}")
        return samples

    def pair(self, place: Place) -> tuple[Plain, Warm]:
        """Write the example project twice, without and with our plugin."""
        plain = Plain(place, self.ours, example.write(place.scratch / "plain"))
        warm = Warm(place, self.ours, example.write(place.scratch / "warm", ADDOPTS))
        return plain, warm

    def fast(self, place: Place) -> Fast:
        """Write the example project for the peer pytest-fast."""
        return Fast(place, self.peer("pytest-fast", Fast.requirements), example.write(place.scratch / "fast"))

    def hot(self, place: Place) -> Hot:
        """Write the example project for the peer pytest-hot-reloading."""
        environment = self.peer("pytest-hot-reloading", Hot.requirements)
        return Hot(place, environment, example.write(place.scratch / "hot", Hot.addopts))

    def peer(self, name: str, requirements: Iterable[str]) -> Environment:
        """Return the environment of a peer."""
        return self.cache.peer(name, requirements, self.ours)
