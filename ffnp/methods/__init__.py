"""What learns: a network with its objective."""

from ffnp.methods.backprop_label import BackpropLabel as BackpropLabel
from ffnp.methods.backprop_pairwise import BackpropPairwise as BackpropPairwise
from ffnp.methods.base import Method as Method
from ffnp.methods.forward_forward import ForwardForward as ForwardForward
