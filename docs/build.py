"""Build the site: `python docs/build.py [FOLDER [OPTION...]]`; a warning is an error.

FOLDER is build/site by default; options are Sphinx's. Notebooks are executed, links inside the site
are checked, and nothing is asked of a network. `-D nb_execution_mode=off` leaves the notebooks
without output, and trains no networks for the page to draw on.
"""

import sys
import time
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[1]


def main() -> int:
    """The exit status of Sphinx."""
    out = Path(*sys.argv[1:2] or [ROOT / "build/site"])
    start = time.perf_counter()
    options = ["-W", "--keep-going", "-q", "-E", "-c", str(ROOT / "docs"), *sys.argv[2:]]
    status = build_main([*options, "-d", f"{out}.doctrees", str(ROOT), str(out)])
    if status == 0:
        print(f"{out / 'index.html'}: built in {time.perf_counter() - start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
