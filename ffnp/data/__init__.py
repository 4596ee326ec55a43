"""Data sets: known names, files of several layouts, one in-memory form."""

from ffnp.data.dataset import Dataset as Dataset
from ffnp.data.dataset import Split as Split
from ffnp.data.dataset import from_arrays as from_arrays
from ffnp.data.loading import load as load
