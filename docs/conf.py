"""The site: Sphinx over the pages of the repository, the docstrings and the notebooks.

    pip install '.[docs]' && python docs/build.py

The source is the repository, so that pages may link to the code that they speak of; this folder
has the configuration.
"""

import re
import subprocess
import sys
import tempfile
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import jupytext

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "docs/notebooks"

project = "ffnp"
release = version_of("ffnp")
extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc", "sphinx.ext.viewcode"]
root_doc = f"{Path(__file__).parent.name}/index"
include_patterns = [
    "README.md", "CHANGES.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md",
    "docs/*.md", "docs/*/*.md", "docs/*/*.ipynb", "examples/*.md",
]  # fmt: skip
exclude_patterns = ["build", ".*", "**/node_modules"]

highlight_language = "none"  # of what is indented: commands, formulas, figures
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # a cell takes seconds; on a busy machine, more
nb_execution_show_tb = True
nb_merge_streams = True
# a solution is folded up: its cell has the tag
nb_code_prompt_show = "Solution"
nb_code_prompt_hide = "Fold up"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections say them
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "ffnp"
html_baseurl = ""
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # which a page that is opened from a disk may not fetch
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_extra"]

RUNS = {"plain": ["--method", "ff"], "gamma-others": ["--method", "collab"]}  # of the page


def make_notebooks(app: Any, config: Any) -> None:
    """Write each notebook as .ipynb, which is executed here and can be downloaded."""
    for path in sorted(NOTEBOOKS.glob("*.py")):
        notebook = jupytext.read(path)
        for cell in notebook.cells:
            cell.source = linked(cell.source) if cell.cell_type == "markdown" else cell.source
            if "solution" in cell.metadata.get("tags", []):
                cell.metadata["tags"].append("hide-cell")
        title, _, rest = notebook.cells[0].source.partition("\n")
        link = f"{{download}}`Download this notebook <{path.stem}.ipynb>`"
        notebook.cells[0].source = f"{title}\n\n{link}\n{rest}"
        jupytext.write(notebook, path.with_suffix(".ipynb"))


def linked(text: str) -> str:
    """A page's text, with links to notebooks leading to their pages, not to their sources."""
    names = "|".join(path.stem for path in NOTEBOOKS.glob("*.py"))
    return re.sub(rf"(\]\((?:(?:docs/)?notebooks/)?(?:{names}))\.py\)", r"\1.ipynb)", text)


def read(app: Any, name: str, source: list[str]) -> None:
    """Change a page's text as it is read."""
    if "notebooks/" not in name or name.endswith("index"):
        source[0] = linked(source[0])


def make_page(app: Any, error: Exception | None) -> None:
    """Train two small networks, and write the page to draw on into the site."""
    page = Path(app.outdir) / "page.html"
    off = app.config.nb_execution_mode == "off" or app.builder.name != "html"
    if error or off or page.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, options in RUNS.items():
            ffnp(
                "train", "--out", f"{folder}/{name}", "--hidden", "200,200,200", "--epochs", "6",
                "--limit-train", "10000", "--limit-test", "1000", "--snapshot-every", "3",
                "--backend", "numpy", *options,
            )  # fmt: skip
        ffnp("page", *[f"{folder}/{name}" for name in RUNS], "-o", str(page))


def ffnp(*command: str) -> None:
    """Run a command of ffnp."""
    code = "from ffnp_cli.main import main; main()"
    subprocess.run([sys.executable, "-c", code, *command], check=True, stdout=subprocess.DEVNULL)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("config-inited", make_notebooks)
    app.connect("source-read", read)
    app.connect("build-finished", make_page)
