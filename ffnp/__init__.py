"""Forward-Forward learning with layer collaboration, on a swappable array backend."""

from ffnp._version import __version__ as __version__
