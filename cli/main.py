"""The entry point."""

import os
import sys


def main() -> None:
    """Run the command line: exit status 0 done, 1 failed, 2 wrong command or input."""
    if sys.stderr is None:  # closed by the shell
        sys.stderr = open(os.devnull, "w", errors="backslashreplace")
    try:
        from .commands import run  # here: the imports take long enough to be interrupted

        status = run()
    except KeyboardInterrupt:
        sys.stderr.write("Error: interrupted\n")
        status = 1
    sys.exit(status)
