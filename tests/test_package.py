"""The package as others meet it: its names, its extras, its wheel."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import fluxlib
from fluxlib.utils.lazy import EXTRAS

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "fluxlib"
STUBS = sorted(PACKAGE.rglob("*.pyi"))


def find_public(stub: Path) -> list[tuple[str, str]]:
    """Return the module and the name of all that a stub offers; no module for a chapter."""
    nodes = ast.parse(stub.read_text()).body
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return [(node.module or "", alias.name) for node in imports for alias in node.names]


def normalise(names: Iterable[str]) -> set[str]:
    """Return the names of distributions as PyPI compares them."""
    return {re.match(r"[\w.-]+", name)[0].lower().replace("_", "-") for name in names}


def run_python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT)


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_each_public_name_is_found_in_the_module_that_the_stub_names(stub):
    package = ".".join(stub.relative_to(PROJECT).parent.parts)
    chapter = importlib.import_module(package)
    assert sorted(name for _, name in find_public(stub)) == dir(chapter)
    for module, name in find_public(stub):
        home = importlib.import_module(f"{package}.{module}" if module else package)
        assert getattr(chapter, name) is getattr(home, name)
        # A constant, such as a label, has no module of its own.
        assert getattr(getattr(home, name), "__module__", home.__name__).endswith(module)
        assert getattr(chapter, name).__doc__


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_no_public_name_is_also_that_of_a_module_beside_it(stub):
    modules = {path.stem for path in stub.parent.glob("*.py")}
    assert not modules & {name for module, name in find_public(stub) if module}


def test_importing_fluxlib_is_quick_and_imports_no_other_package():
    code = (
        "import sys, time; began = time.process_time(); before = set(sys.modules)\n"
        "import fluxlib; took = time.process_time() - began\n"
        "roots = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(took, *sorted(roots - sys.stdlib_module_names))"
    )
    runs = [run_python(code).stdout.split() for _ in range(3)]
    assert runs[0][1:] == ["fluxlib", "lazy_loader"]
    assert min(float(took) for took, *_ in runs) < 0.1


def test_no_chapter_of_analysis_imports_what_only_extras_bring():
    code = (
        "import sys, fluxlib\n"
        "for chapter in ('calibration', 'offsets', 'imputation', 'prediction'):\n"
        "    for name in dir(getattr(fluxlib, chapter)): getattr(getattr(fluxlib, chapter), name)\n"
        "print(*sys.modules)"
    )
    run = run_python(code)
    assert run.returncode == 0, run.stderr
    assert not {"tensorflow", "keras", "matplotlib", "papermill"} & set(run.stdout.split())


def test_a_missing_package_is_told_with_the_extra_that_brings_it():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import fluxlib\n"
        "try: fluxlib.plotting.plot_gap\n"
        "except fluxlib.MissingExtraError as error: print(error, isinstance(error, ImportError))"
    )
    assert run_python(code).stdout.strip() == (
        "This needs matplotlib, which is not installed. "
        "Install it with: pip install 'fluxlib-goes[notebooks]' True"
    )


def test_the_extra_named_for_a_module_is_one_that_lists_its_package():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lists = {name: normalise(lines) for name, lines in project["optional-dependencies"].items()}
    packages = packages_distributions()
    for module, extra in EXTRAS.items():
        named = normalise(packages.get(module, []))
        assert named & lists[extra] or module == "daal4py", (module, named)


def test_each_package_that_the_code_imports_is_listed_in_pyproject():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    base = normalise(project["dependencies"])
    packages = packages_distributions()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            roots = (
                [alias.name.split(".")[0] for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module.split(".")[0]]
                if isinstance(node, ast.ImportFrom) and node.module and not node.level
                else []
            )
            for root in set(roots) - sys.stdlib_module_names - {"fluxlib", "pytest"} - set(EXTRAS):
                assert base & normalise(packages[root]), (path.name, root)


def test_the_contract_of_imports_catches_one_that_goes_up_and_a_circle(tmp_path):
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "fluxlib")
    with (tmp_path / "fluxlib" / "io" / "goes.py").open("a") as file:
        file.write("from fluxlib.plotting import style\nfrom fluxlib.io import table\n")
    with (tmp_path / "fluxlib" / "io" / "table.py").open("a") as file:
        file.write("from fluxlib.io import goes\n")
    run = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "fluxlib.io.goes -> fluxlib.plotting.style" in run.stdout
    assert "2 broken" in run.stdout


IN_A_FOLDER_OF_ITS_OWN = """
import sys
from pathlib import Path
import numpy as np
import fluxlib
from fluxlib.imputation import EdgeCorrection, SatelliteImputer, satellite_features

assert Path(fluxlib.__file__).is_relative_to(sys.prefix), fluxlib.__file__
simulated = fluxlib.simulate("2013-01-01", "2013-04-01", "1h")
fluxlib.datasets.write_dataset(simulated, Path("data"))
path = next(Path("data", "goes15").iterdir())
assert {"e0.8", "e2"} <= set(fluxlib.read_table(path))
dataset = fluxlib.load("data", cadence="1h")
garf = fluxlib.GARFImputer(bits=(2, 2, 2), population=4, generations=1)
features = satellite_features(dataset, "goes13", inputs="paper")
imputer = SatelliteImputer(features, garf, correction=EdgeCorrection(rows=1000, trees=20))
truth = dataset.flux["goes15"]["e2"]
hidden = truth.copy()
hidden.iloc[1500:1548] = np.nan
table = imputer.fit(hidden).impute(hidden).iloc[1500:1548]
assert table["imputed"].all()
error = np.log10(table["value"] / truth.iloc[1500:1548])
assert error.abs().mean() < 0.3, error
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


EXAMPLES = """
import doctest, importlib, pkgutil
import fluxlib
for found in pkgutil.walk_packages(fluxlib.__path__, "fluxlib."):
    try:
        module = importlib.import_module(found.name)
    except ImportError:  # of an extra
        continue
    assert doctest.testmod(module).failed == 0, found.name
"""


@pytest.mark.slow
def test_a_wheel_reads_a_file_and_fills_a_gap_without_the_checkout_and_the_extras(tmp_path):
    """Build it, and install it with what it requires and no more."""

    def run(*command, **options):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    source = tmp_path / "source"  # a build leaves folders behind
    shutil.copytree(PACKAGE, source / "fluxlib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    uv, python = Path(sys.executable).parent / "uv", tmp_path / "env" / "bin" / "python"
    # In an environment of its own: .venv may have another setuptools than the build asks for.
    # The wheel is built from the source distribution, which so has all that it needs.
    run(uv, "build", "--python", sys.executable, "--out-dir", tmp_path, source)
    assert len(list(tmp_path.glob("fluxlib_goes-*.tar.gz"))) == 1
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith("fluxlib_goes-")

    run(uv, "venv", "--python", sys.executable, tmp_path / "env")
    pins = PROJECT / "requirements.txt"
    run(uv, "pip", "install", "--python", python, "--constraint", pins, wheel)

    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "FLUX_CACHE": str(tmp_path / "cache")}
    imported = run(python, "-c", IN_A_FOLDER_OF_ITS_OWN, cwd=folder, env=environment).split()
    assert not set(EXTRAS) & set(imported)
    run(python, "-c", EXAMPLES, cwd=folder, env=environment)

    script = tmp_path / "env" / "bin" / "fluxlib"
    assert "score" in run(script, "--help", cwd=folder)
    for words, message in (
        (["clean", "--yes"], "works on the project's notebooks"),
        (["score"], "pip install 'fluxlib-goes[notebooks]'"),
    ):
        done = subprocess.run([script, *words], capture_output=True, text=True, cwd=folder)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert message in done.stderr


def test_version_is_that_of_the_citation():
    citation = (PROJECT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.+)$", citation, flags=re.MULTILINE)[1] == fluxlib.__version__
