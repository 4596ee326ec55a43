"""Forward-Forward learning with layer collaboration, on a swappable array backend.

What is handed on, and the modules beside this one, are imported when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ffnp.config import Config as Config
    from ffnp.data import from_arrays as from_arrays
    from ffnp.data import load as load
    from ffnp.recipes import recipe as recipe
    from ffnp.runs.experiment import load_model as load_model
    from ffnp.runs.experiment import resume as resume
    from ffnp.runs.experiment import train as train
    from ffnp.runs.listing import runs_frame as runs_frame
    from ffnp.runs.progress import Progress as Progress
    from ffnp.runs.tracking import Tracker as Tracker
    from ffnp.scoring.analysis import analyse as analyse
    from ffnp.scoring.evaluation import evaluate as evaluate
    from ffnp.scoring.evaluation import predict as predict
    from ffnp.scoring.evaluation import scores as scores

    __version__: str

HOMES = {  # as above, for Python
    "Config": "config",
    "Progress": "runs.progress",
    "Tracker": "runs.tracking",
    "analyse": "scoring.analysis",
    "evaluate": "scoring.evaluation",
    "from_arrays": "data",
    "load": "data",
    "load_model": "runs.experiment",
    "predict": "scoring.evaluation",
    "recipe": "recipes",
    "resume": "runs.experiment",
    "runs_frame": "runs.listing",
    "scores": "scoring.evaluation",
    "train": "runs.experiment",
}
__all__ = list(HOMES)

if not TYPE_CHECKING:  # to which every name would be known

    def __getattr__(name: str) -> Any:
        if name in HOMES:
            return getattr(import_module(f"ffnp.{HOMES[name]}"), name)
        if name == "__version__":
            return import_module("importlib.metadata").version("ffnp")
        missing = AttributeError(f"module 'ffnp' has no attribute '{name}'")
        if name.startswith("_"):
            raise missing
        try:
            return import_module(f"ffnp.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"ffnp.{name}":
                raise
            raise missing from None

    def __dir__() -> list[str]:
        return sorted({*globals(), *HOMES, "__version__"})
