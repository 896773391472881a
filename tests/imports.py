"""Which modules of the package a module imports, itself or through others."""

import ast
from pathlib import Path

import fluxlib


def find_imports(name: str) -> set[str]:
    """Return the module's name and those of all that it leads to."""
    found, new = set(), {name}
    while new:
        name = new.pop()
        found.add(name)
        tree = ast.parse((Path(fluxlib.__file__).parent / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fluxlib"):
                module = node.module.removeprefix("fluxlib").removeprefix(".")
                new |= {module} if module else {alias.name for alias in node.names}
        new -= found
    return found
