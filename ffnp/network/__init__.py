"""What learns: layers, a network of them, and the methods that train it."""

from ffnp.network.backprop_label import BackpropLabel as BackpropLabel
from ffnp.network.backprop_pairwise import BackpropPairwise as BackpropPairwise
from ffnp.network.forward_forward import ForwardForward as ForwardForward
from ffnp.network.local_heads import LocalHeads as LocalHeads
from ffnp.network.method import Method as Method
from ffnp.network.network import Batch as Batch
from ffnp.network.network import Network as Network
