"""Array backends: few fused operations behind one interface."""

from ffnp.backends.base import Backend as Backend
