"""Imports go one way: from a module only to those before it."""

import ast
from pathlib import Path

import pytest

import ffnp
import ffnp_cli

# A module may import from the lines above its own; within a package, modules may not form a cycle.
ORDER = [
    ["ffnp._version", "ffnp.errors", "ffnp.randomness", "ffnp.objectives.activations"],
    ["ffnp.files"],
    ["ffnp.data"],
    ["ffnp.network.labels"],
    ["ffnp.objectives"],
    ["ffnp.objectives.collaboration"],
    ["ffnp.backends"],
    ["ffnp.network.parameters"],
    ["ffnp.network.layers"],
    ["ffnp.network.network"],
    ["ffnp.network"],
    ["ffnp.training.optimizers"],
    ["ffnp.config"],
    ["ffnp.model"],
    ["ffnp.gradcheck"],
    ["ffnp.training.sources"],
    ["ffnp.training.schedules"],
    ["ffnp.training.trainer"],
    ["ffnp.scoring.evaluation"],
    ["ffnp.scoring.analysis"],
    ["ffnp.runs.storage"],
    ["ffnp.runs.records"],
    ["ffnp.runs.folder"],
    ["ffnp.runs.experiment"],
    ["ffnp.plotting"],
    ["ffnp.reproduction"],
    ["ffnp.bench"],
    ["ffnp"],
    ["ffnp_cli"],
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}


def module_files():
    for package in (ffnp, ffnp_cli):
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join([package.__name__, *(p for p in parts if p != "__init__")])
            yield name, path


def imported(name, path):
    """Modules of ours that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
                base = f"{parent}.{base}".rstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


MODULES = dict(module_files())


def group(module):
    """The entry of ORDER that a module belongs to."""
    while module not in RANK:
        module = module.rpartition(".")[0]
    return module


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_what_comes_before(module):
    for other in imported(module, MODULES[module]):
        if other.split(".")[0] not in ("ffnp", "ffnp_cli") or group(other) == group(module):
            continue
        assert RANK[group(other)] < RANK[group(module)], f"{module} imports {other}"


def test_every_module_has_a_place():
    assert {group(module) for module in MODULES} == set(RANK)
    assert [m for m in MODULES if group(m) == "ffnp" and m != "ffnp"] == []


def test_no_cycle_between_modules():
    edges = {m: {o for o in imported(m, p) if o in MODULES and o != m} for m, p in MODULES.items()}
    done = set()
    while ready := {m for m in edges if m not in done and edges[m] <= done}:
        done |= ready
    assert set(edges) - done == set()
