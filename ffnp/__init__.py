"""Forward-Forward learning with layer collaboration, on a swappable array backend."""

from ffnp._version import __version__ as __version__
from ffnp.analysis import analyse as analyse
from ffnp.config import Config as Config
from ffnp.data import from_arrays as from_arrays
from ffnp.data import load as load
from ffnp.evaluation import evaluate as evaluate
from ffnp.evaluation import predict as predict
from ffnp.evaluation import scores as scores
from ffnp.experiment import load_model as load_model
from ffnp.experiment import resume as resume
from ffnp.experiment import train as train
