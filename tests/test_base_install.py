"""With the base install alone ffnp imports and trains, and nothing of an extra is imported."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest

CODE = """
import sys

class Nothing:
    '''A finder that has nothing but what it is told of.'''
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

REFUSED = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Nothing())
import ffnp
result = ffnp.train(ffnp.Config(limit_train=200, limit_test=50, epochs=1, hidden=(8,)))
assert result.model.backend.name == "numpy", result.model.backend
from ffnp_cli.main import main
try:
    import ffnp.sklearn
except ImportError as error:
    assert "pip install 'ffnp[sklearn]'" in str(error), error
else:
    raise AssertionError("ffnp.sklearn without scikit-learn")
sys.argv[1:] = ["train", "--limit-train", "200", "--limit-test", "50", "--epochs", "1",
                "--hidden", "8", "--out", sys.argv[1]]
try:
    main()
except SystemExit as done:
    assert done.code in (0, None), done
print("done")
"""


def base():
    """The distributions of the base install: ffnp, what it requires, and what that requires."""
    found, left = set(), ["ffnp"]
    while left:
        name = re.split(r"[^\w.-]", left.pop(), maxsplit=1)[0].lower().replace("_", "-")
        if name in found:
            continue
        try:
            needed = requires(name) or []
        except PackageNotFoundError:  # of another system
            continue
        found.add(name)
        left += [each for each in needed if "extra ==" not in each]
    return found


EXTRAS = {"sklearn", "scipy", "pandas", "numba", "cupy", "matplotlib", "PIL", "distributed"}
TRAIN = "ffnp.train(ffnp.Config(limit_train=200, limit_test=50, epochs=1, hidden=(8,), backend=B))"


def run(code, *arguments):
    """The last line that a program prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_base_install_alone_trains(tmp_path):
    ours = base()
    others = {
        module
        for module, names in packages_distributions().items()
        if not {name.lower().replace("_", "-") for name in names} & ours
    }
    assert others  # else the test tests nothing
    assert run(CODE, ",".join(EXTRAS | others), tmp_path / "run") == "done"


def test_nothing_of_an_extra_is_imported_unless_it_is_used():
    code = f"import sys, ffnp; B = 'numpy'; {TRAIN}; print(*sys.modules)"
    assert not EXTRAS & {name.partition(".")[0] for name in run(code).split()}


@pytest.mark.parametrize(
    "code",
    [
        "import ffnp",
        "import sys; sys.argv = ['ffnp', '--help']; from ffnp_cli.main import main; main()",
    ],
    ids=["import", "help"],
)
def test_neither_an_import_nor_help_waits_for_what_it_does_not_use(code):
    end = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); "
    imported = {name.partition(".")[0] for name in run(end + code).split()}
    assert not imported & (EXTRAS | {"numpy", "requests", "tqdm", "safetensors"})
