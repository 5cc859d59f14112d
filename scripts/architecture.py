"""Writes the generated parts of docs/architecture.md from the code: ``python -m scripts.architecture``.

A part stands between two comments, `<!-- begin NAME -->` and `<!-- end -->`; all else in the page is written by hand.
"""

from __future__ import annotations

import re
import tomllib
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pytest_zygote.core.fixtures import messages as fixtures
from pytest_zygote.core.layers.lifecycle import BUILDING, TRANSITIONS
from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.protocol.framing import Route
from pytest_zygote.parallel import messages as parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[1]
DOCUMENT = REPOSITORY / "docs" / "architecture.md"
PACKAGE = REPOSITORY / "pytest_zygote"
CHANNEL_MODULES = (client_messages, layer_messages, run_messages, fixtures)
DOCSTRING = re.compile(r'"""(.+?)(?:\n\n|""")', re.DOTALL)
"""Its first paragraph; the syntax trees of all modules would take much longer."""
PART = re.compile(r"(<!-- begin (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def routes() -> Iterator[tuple[str, str, list[str]]]:
    """Give sender, receiver and the names of the messages of each direction of each channel."""
    for module in CHANNEL_MODULES:
        for value in vars(module).values():
            if isinstance(value, Route) and value.kinds:
                for sender, receiver in product(value.sender.split(" or "), value.receiver.split(" or ")):
                    yield sender, receiver, list(value.kinds)
    yield "worker", "run", [kind.__name__ for kind in parallel.WORKER_MESSAGES]
    yield "run", "worker", [kind.__name__ for kind in parallel.CONTROLLER_MESSAGES]


def processes() -> str:
    """Return a diagram of the processes: an arrow is a direction of a channel."""
    arrows = dict.fromkeys((sender, receiver) for sender, receiver, _ in routes())
    names = dict.fromkeys(name for arrow in arrows for name in arrow)
    lines = ["```mermaid", "flowchart LR"]
    lines += [f"    {_identifier(name)}[{name}]" for name in names]
    lines += [f"    {_identifier(sender)} --> {_identifier(receiver)}" for sender, receiver in arrows]
    return "\n".join([*lines, "```"])


def _identifier(name: str) -> str:
    return name.replace(" ", "_")


def messages() -> str:
    """Return a table of what is sent on each direction of each channel."""
    rows = [f"| {sender} | {receiver} | {', '.join(names)} |" for sender, receiver, names in routes()]
    return "\n".join(["| from | to | messages |", "|---|---|---|", *dict.fromkeys(rows)])


def layer_life() -> str:
    """Return a diagram of the phases of a layer."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {BUILDING}"]
    lines += [f"    {phase} --> {following}: {event}" for (phase, event), following in TRANSITIONS.items()]
    return "\n".join([*lines, "```"])


def rooms() -> str:
    """Return the rooms of the package, one row of them on the other, as the import contract has them."""
    config = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = cast("list[dict[str, list[str]]]", config["tool"]["importlinter"]["contracts"])
    (layers,) = (contract["layers"] for contract in contracts if "layers" in contract)
    return "\n".join(["```text", *(row.replace(" | ", "   ") for row in layers), "```"])


def tree() -> str:
    """Return a table of all modules, with the first line of each docstring."""
    return "\n".join(
        ["| module | purpose |", "|---|---|", *(f"| `{name}` | {_purpose(path)} |" for name, path in _modules())]
    )


def _modules() -> list[tuple[str, Path]]:
    paths = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    named = {name.removesuffix("__init__.py") or "__init__.py": path for name, path in paths.items()}
    return sorted(named.items(), key=lambda item: [(not part.endswith("/"), part) for part in _parts(item[0])])


def _parts(name: str) -> list[str]:
    return re.findall(r"[^/]*/|[^/]+", name)


def _purpose(path: Path) -> str:
    docstring = DOCSTRING.match(path.read_text(encoding="utf-8"))
    return " ".join(docstring[1].split()).replace("|", "\\|") if docstring else ""


PARTS: dict[str, Callable[[], str]] = {
    "processes": processes,
    "messages": messages,
    "layer-life": layer_life,
    "rooms": rooms,
    "tree": tree,
}


def render(page: str) -> str:
    """Return the page with all its generated parts made anew."""
    return PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}\n{match[3]}", page)


def main() -> None:
    """Bring the page up to date."""
    DOCUMENT.write_text(render(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
