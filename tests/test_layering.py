"""Imports go one way, from a room only to rooms below it, and the house stays small.

A room is a folder of ffnp, a module at its root, cli or benchmarks. It stands one floor above the
highest room that it imports; an arrow is a pair of rooms of which one imports the other. The
picture in docs/architecture.md gives every room its floor.

    python tests/test_layering.py

prints the floors, and the numbers of rooms, floors and arrows.
"""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = {"ffnp": ROOT / "ffnp", "ffnp_cli": ROOT / "cli", "benchmarks": ROOT / "benchmarks"}


def module_files():
    """Modules by name, with their files."""
    found = {}
    for package, root in FOLDERS.items():
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return found


def order():
    """The rooms of each floor, from the ground up, as the picture has them."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    found = re.findall(r"^ +(\d+) +\|(.+)\|$", page, re.MULTILINE)
    assert [int(number) for number, _ in found] == list(range(len(found), 0, -1))
    return [sorted(each.strip() for each in rooms.split("|")) for _, rooms in reversed(found)]


MODULES = module_files()


def imported(name):
    """Modules of ours that a module imports, wherever it does."""
    path, found = MODULES[name], set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
                base = f"{parent}.{base}".rstrip(".")
            inner = {f"{base}.{alias.name}" for alias in node.names}
            found |= {each if each in MODULES else base for each in inner}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & set(MODULES)) - {name}


def room(module):
    """The room of a module; None of `ffnp` itself, which only hands names on."""
    package, *rest = module.split(".")
    if package != "ffnp":
        return package.removeprefix("ffnp_")
    return rest[0] if rest else None


def arrows():
    """Pairs of rooms of which the first imports the second."""
    pairs = {(room(name), room(other)) for name in MODULES for other in imported(name)}
    return {(above, below) for above, below in pairs if above and below and above != below}


def floors():
    """The rooms of each floor, from the ground up; what stands in a circle is on none."""
    left, found = {room(name) for name in MODULES} - {None}, []
    pairs = arrows()
    while ready := {each for each in left if not any(a == each and b in left for a, b in pairs)}:
        found.append(sorted(ready))
        left -= ready
    return found


def test_no_circle_between_modules():
    imports = {name: imported(name) for name in MODULES}
    assert set(TopologicalSorter(imports).static_order()) == set(MODULES)  # or CycleError


def test_the_picture_has_every_room_on_its_floor():
    assert floors() == order()


def test_the_house_is_small():
    assert len({room(name) for name in MODULES} - {None}) <= 23
    assert len(floors()) <= 10
    assert len(arrows()) <= 100


def test_data_know_nothing_of_the_engine():
    engine = {"objectives", "backends", "network", "model", "scoring", "training", "runs"}
    assert {below for above, below in arrows() if above == "data"} & engine == set()


def test_rooms_do_not_import_the_whole():
    assert [n for n in MODULES if n.startswith("ffnp.") and "ffnp" in imported(n)] == []


if __name__ == "__main__":
    for number, rooms in enumerate(floors(), start=1):
        print(f"floor {number:2}  {', '.join(rooms)}")
    print(f"{sum(map(len, floors()))} rooms, {len(floors())} floors, {len(arrows())} arrows")
