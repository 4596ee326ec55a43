"""What is trained and how it scores labels: Forward-Forward and the two baselines."""

from ffnp.methods.base import Method as Method
from ffnp.methods.forward_forward import ForwardForward as ForwardForward
