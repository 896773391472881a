"""Sphinx's settings. `./run_all.sh docs` builds the site, offline, and a warning is an error."""

import inspect
import shutil
import sys
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import latex2mathml.converter  # noqa: E402
from docutils import nodes  # noqa: E402
from pygments.lexers.special import TextLexer  # noqa: E402

import fluxlib  # noqa: E402 (found by the line above)

project = "fluxlib"
author = copyright = "the fluxlib developers"
version = release = fluxlib.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
]
exclude_patterns = ["_build", "Thumbs.db", "notebooks/.ipynb_checkpoints"]

# The notebooks are shown as the batch run left them, figures and all; they are not run again.
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # controls need a kernel, and their scripts would come from elsewhere
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = [
    "mystnb.unknown_mime_type",  # controls, which need a kernel
    "myst.header",  # notebooks open with a question in bold, not always with a first-level heading
]

autosummary_generate = True
autosummary_ignore_module_all = False
templates_path = ["_templates"]
# scikit-learn gives every estimator these, with references into its own documentation.
autodoc_default_options = {
    "exclude-members": ", ".join(
        f"set_{method}_request" for method in ("fit", "predict", "score", "transform")
    )
}
autodoc_typehints = "none"  # docstrings tell the types in the field's words
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "fluxlib"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# Pages that have none below them need no room for a list of those.
_BELOW = ("notebooks", "reference")
html_sidebars = {
    path.stem: [] for path in (PROJECT / "docs").glob("*.md") if path.stem not in _BELOW
}
html_theme_options = {
    "navigation_depth": 2,
    "show_toc_level": 2,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}


def show_inline_math(self, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers show without a script from elsewhere."""
    self.body.append(latex2mathml.converter.convert(node.astext()))
    raise nodes.SkipNode


def show_display_math(self, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    self.body.append(latex2mathml.converter.convert(node.astext(), display="block"))
    raise nodes.SkipNode


def setup(app) -> None:
    """Register how formulas are written; GitHub draws Mermaid's pictures, here they are text."""
    app.add_lexer("mermaid", TextLexer)
    app.add_html_math_renderer("mathml", (show_inline_math, None), (show_display_math, None))


def copy_notebooks() -> None:
    """Lay the executed notebooks of the sample's report, and their figures, where Sphinx reads."""
    pages = PROJECT / "docs" / "notebooks"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir()
    for notebook in sorted((PROJECT / "reports" / "sample").glob("0*.ipynb")):
        shutil.copy(notebook, pages)
    shutil.copytree(PROJECT / "figures" / "sample", pages / "figures")


def list_names() -> None:
    """Write the reference's pages, a page a chapter, from the names that the chapters offer."""
    pages = PROJECT / "docs" / "api"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir()
    (pages / "fluxlib.md").write_text(list_chapter(fluxlib, "The package"), encoding="utf-8")
    for name in sorted(set(fluxlib.__all__)):
        chapter = getattr(fluxlib, name)
        if inspect.ismodule(chapter):
            title = f"`fluxlib.{name}`"
            (pages / f"{name}.md").write_text(list_chapter(chapter, title), encoding="utf-8")


def list_tasks() -> None:
    """Write the table of the benchmark's tasks."""
    rows = [
        f"| `{task.name}` | {task.title} | `{task.source}` |"
        for task in fluxlib.benchmark.TASKS.values()
    ]
    table = ["| task | asks for | data |", "|---|---|---|", *rows]
    (PROJECT / "docs" / "api" / "tasks.inc").write_text("\n".join(table), encoding="utf-8")


def list_chapter(module: ModuleType, title: str) -> str:
    """Return a page with a table of a module's public functions and classes."""
    public = [name for name in sorted(module.__all__) if is_documented(getattr(module, name))]
    at_top = [name for name in public if module is not fluxlib and name in fluxlib.__all__]
    links = ", ".join(f"{{py:obj}}`fluxlib.{name}`" for name in at_top)
    also = f"Of this chapter, `fluxlib` itself has {links}.\n\n" if at_top else ""
    public = [name for name in public if name not in at_top]
    rows = "\n".join(f"   {name}" for name in public)
    return (
        f"# {title}\n\n{inspect.getdoc(module)}\n\n{also}```{{eval-rst}}\n"
        f".. currentmodule:: {module.__name__}\n\n"
        f".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n{rows}\n```\n"
    )


def is_documented(thing: object) -> bool:
    """Return whether a public name is a function or class of ours."""
    return getattr(thing, "__module__", "").startswith("fluxlib") and not inspect.ismodule(thing)


copy_notebooks()
list_names()
list_tasks()
