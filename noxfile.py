#!/usr/bin/env python3
# /// script
# dependencies = ["nox>=2024.10"]
# ///
"""What is checked, a session each: `nox -l` lists them, `nox -s NAME` runs one.

`.ci/run` calls the same with `--no-venv --no-install`, in the one environment that it makes.
"""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# What stands on other packages, and so is tested at their lower bounds.
ON_OTHERS = [
    "tests/backends",
    "tests/cli",
    "tests/runs",
    "tests/test_plotting.py",
    "tests/test_sklearn.py",
    "tests/data/test_tables.py",
    "tests/data/test_class_names.py",
    "tests/reproduction/test_slurm.py",
]
ENGINE = ["tests/objectives", "tests/network", "tests/backends", "tests/test_portable.py"]


def group(name: str) -> list[str]:
    """The packages of a dependency group."""
    return list(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name))


@nox.session
def tests(session: nox.Session) -> None:
    """The quick tests, or what is asked for: nox -s tests -- -m slow."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS, default=False)
def pythons(session: nox.Session) -> None:
    """The quick tests on every supported Python that is here."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def engine(session: nox.Session) -> None:
    """The tests of what needs no stored run: all that there is on Windows."""
    session.install(".[test]")
    session.run("pytest", *ENGINE)


@nox.session
def lower_bounds(session: nox.Session) -> None:
    """Tests with each package as old as setup.cfg allows."""
    bounds = Path(session.create_tmp()).absolute() / "bounds.txt"
    bounds.write_text(session.run("python", ".ci/lower_bounds.py", silent=True) or "")
    session.install("-c", str(bounds), ".[test]")
    session.run("pytest", "-W", "ignore::DeprecationWarning", *(session.posargs or ON_OTHERS))


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: errors and layout; spelling; the workflows (zizmor)."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    session.install(".[test]")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The site, with its notebooks executed, its links checked, and no warning."""
    session.install(".[docs]")
    session.run("python", "docs/build.py", str(Path(session.create_tmp()).absolute() / "site"))


@nox.session
def browser(session: nox.Session) -> None:
    """The page, in Chromium, which the system has to have."""
    session.install(".[test,browser]")
    environment = {"FFNP_REQUIRE_BROWSER": "1"}
    session.run("pytest", "-n", "1", "-m", "browser", "tests/page", env=environment)


@nox.session
def extras(session: nox.Session) -> None:
    """What optional packages are asked of: other settings of the estimator, Optuna, a tracker."""
    session.install(".[test,search,track]")
    session.run("pytest", "-m", "slow", "tests/test_sklearn.py")
    environment = {"FFNP_REQUIRE_EXTRAS": "1"}
    session.run("pytest", "tests/test_search.py", "tests/runs/test_tracking.py", env=environment)


@nox.session
def cuda_check(session: nox.Session) -> None:
    """The CUDA kernels, compiled without a GPU."""
    session.install(".[test,cuda-check]")
    session.run("pytest", "-m", "cuda_check", env={"FFNP_REQUIRE_CUDA_CHECK": "1"})


@nox.session
def wheel(session: nox.Session) -> None:
    """Sdist and wheel into dist/: twice the same bytes, checked, at work without the checkout."""
    session.install(*group("release"))
    folder = Path(session.create_tmp()).absolute()
    shutil.rmtree(folder)
    first, second = folder / "dist", folder / "again"
    for each in (first, second):
        session.run("python", ".ci/distributions.py", str(each), silent=True)
    files = sorted(first.iterdir())
    for path in files:
        if path.read_bytes() != (second / path.name).read_bytes():
            session.error(f"two builds of {path.name} differ")
    session.run("twine", "check", "--strict", *map(str, files))
    session.run("check-wheel-contents", *(str(p) for p in files if p.suffix == ".whl"))
    shutil.copytree(first, "dist", dirs_exist_ok=True)
    session.run("python", "-m", "venv", str(folder / "user"))
    session.chdir(folder)
    scripts = folder / "user" / ("Scripts" if os.name == "nt" else "bin")
    pip, ffnp = str(scripts / "pip"), str(scripts / "ffnp")
    session.run(pip, "install", "-q", *(str(p) for p in files if p.suffix == ".whl"), external=True)
    small = ["--limit-train", "2000", "--epochs", "1", "--out", "run"]
    base = Path(__file__).parent.absolute() / "tests/test_base_install.py"
    plain = ["--noconftest", "-c", os.devnull, "-p", "no:cacheprovider", str(base)]
    session.run(pip, "install", "-q", "pytest", external=True)  # and nothing of the extras
    session.run(str(scripts / "pytest"), "-q", *plain, external=True)
    for arguments in (["train", *small], ["evaluate", "run"], ["page", "run"]):
        session.run(ffnp, *arguments, external=True)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """By hand: lines and branches that the quick tests reach. No gate: what they miss is read."""
    session.install("-e", ".[test]", *group("coverage"))
    session.run("pytest", "--cov", "--cov-report=", *session.posargs)
    # what numba compiles is seen where it does not: the same loops in Python, on small arrays
    small = "numba and not allocates and not same_bits and not textbook"
    session.run(
        "pytest", "--cov", "--cov-append", "--cov-report=term:skip-covered",
        "tests/backends/test_backends.py", "-k", small, env={"NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """By hand: does a test notice each small fault? nox -s mutation -- 'ffnp.objectives*'"""
    session.install("-e", ".[test]", *group("mutation"))
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


if __name__ == "__main__":
    nox.main()
