"""Which modules of the package a module imports, itself or through others."""

import ast
from pathlib import Path

import fluxlib

PACKAGE = Path(fluxlib.__file__).parent


def find_imports(name: str) -> set[str]:
    """Return the module's name and those of all that it leads to, as "chapter.module"."""
    found, new = set(), {name}
    while new:
        name = new.pop()
        found.add(name)
        tree = ast.parse((PACKAGE / f"{name.replace('.', '/')}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fluxlib"):
                new |= _find_modules(node)
        new -= found
    return found


def find_chapters(name: str) -> set[str]:
    """Return the chapters (or modules outside one) that the module leads to."""
    return {module.split(".")[0] for module in find_imports(name)}


def _find_modules(node: ast.ImportFrom) -> set[str]:
    place = node.module.removeprefix("fluxlib").removeprefix(".")
    if place and (PACKAGE / f"{place.replace('.', '/')}.py").exists():
        return {place}
    return {f"{place}.{alias.name}".removeprefix(".") for alias in node.names}
