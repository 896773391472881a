"""Draw which chapter imports which, in architecture.md: .venv/bin/python docs/draw_imports.py."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

import grimp

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "architecture.md"
BEGIN, END = "```mermaid\n", "```\n"


def draw_imports() -> str:
    """Return the picture in Mermaid's notation.

    An arrow that other arrows imply is left out: where A imports B, and B imports C, it is not
    drawn that A imports C too. What everything imports (errors, satellites, utils) is left out.
    """
    layers = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    order = layers["contracts"][0]["layers"][:-1]  # from the top down; the last is for all
    graph = grimp.build_graph("fluxlib", exclude_type_checking_imports=True)
    for chapter in order:
        if graph.find_children(f"fluxlib.{chapter}"):
            graph.squash_module(f"fluxlib.{chapter}")
    below: dict[str, set[str]] = {}
    lines = ["flowchart BT"]
    for chapter in reversed(order):
        found = graph.find_modules_directly_imported_by(f"fluxlib.{chapter}")
        direct = {name.removeprefix("fluxlib.") for name in found} & set(order)
        implied = _join(below.get(name, set()) for name in direct)
        below[chapter] = direct | implied
        lines.append(f"  {chapter.strip('_')}")
        lines += [
            f"  {name} --> {chapter.strip('_')}" for name in order if name in direct - implied
        ]
    return "\n".join(lines) + "\n"


def _join(sets: Iterable[set[str]]) -> set[str]:
    return set().union(*sets)


def main() -> None:
    """Replace the picture in the page by today's."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + draw_imports() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
