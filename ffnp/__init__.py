"""Forward-Forward learning with layer collaboration, on a swappable array backend."""

from importlib.metadata import version

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

__all__ = [
    "Config",
    "Progress",
    "Tracker",
    "analyse",
    "evaluate",
    "from_arrays",
    "load",
    "load_model",
    "predict",
    "recipe",
    "resume",
    "runs_frame",
    "scores",
    "train",
]

__version__ = version("ffnp")
