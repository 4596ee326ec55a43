"""Build the sdist and the wheel, the same bytes each time: `python .ci/distributions.py FOLDER`.

Needs `build` and setuptools, as the dependency group `release` has them. All times in the two are
that of the last commit, or SOURCE_DATE_EPOCH.
"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def last_commit() -> str:
    """Its time, in seconds since 1970."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def level(path: Path, seconds: int) -> None:
    """Write a `.tar.gz` anew, without times, owners and an order of its own."""
    content = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=content, mode="w") as new:
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid = seconds, 0, 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    path.write_bytes(gzip.compress(content.getvalue(), mtime=seconds))


def main(folder: Path) -> None:
    """Build both; the wheel from the sdist."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or last_commit()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": seconds}
    command = [sys.executable, "-m", "build", "--no-isolation"]
    subprocess.run([*command, "--outdir", str(folder), str(ROOT)], check=True, env=environment)
    for path in folder.glob("*.tar.gz"):
        level(path, int(seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
