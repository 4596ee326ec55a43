"""Named configurations: TOML files beside this one, to read, to copy and to change."""

import tomllib
from importlib.resources import files
from typing import Any

from ffnp.errors import InputError


def recipe_names() -> list[str]:
    """The recipes there are."""
    found = [path.name for path in files(__name__).iterdir()]
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def recipe(name: str) -> dict[str, Any]:
    """What a recipe says of the configuration: `Config(**recipe(name), dataset="mnist")`.

    Raises
    ------
    InputError
        If there is no such recipe.
    """
    if name not in recipe_names():
        raise InputError(f"recipe '{name}' is unknown: choose {', '.join(recipe_names())}")
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
