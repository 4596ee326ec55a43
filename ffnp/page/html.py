"""The page, from plain values: its template, style and script are the files beside this one."""

import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SENT = (  # of a configuration: what decides an answer
    "gamma", "gamma_scale", "objective", "hidden", "joined", "hidden_length", "activation", "theta",
    "alpha", "label_scale",
)  # fmt: skip
BINARY16 = 15  # float16 holds all below 2**15, and some more


@dataclass(frozen=True)
class Shown:
    """A network as the page shows it.

    Attributes
    ----------
    name, about, terms : str
        Its name, and what it is, in plain words and in those of its options.
    config : mapping of str to plain values
        Fields of `Config`: those of SENT, with gamma "none" of method ff; `theta` is None if the
        objective has none.
    scaling : mapping of str to plain values
        Fields of `Scaling`.
    weights : mapping of int to (mapping of str to array)
        By epochs done: the weights, by name.
    """

    name: str
    about: str
    terms: str
    config: Mapping[str, Any]
    scaling: Mapping[str, Any]
    weights: Mapping[int, Mapping[str, Array]]


@dataclass(frozen=True)
class Images:
    """What all networks of a page take.

    Attributes
    ----------
    dataset : str
        Its name.
    shape : tuple of int
        Of one image: (height, width) or (1 or 3, height, width).
    classes : int
    low, high : float
        The range of pixels.
    samples : (N, D) array
        Images to choose from, uint8 or float32.
    labels : (N,) integer array
        Theirs.
    """

    dataset: str
    shape: tuple[int, ...]
    classes: int
    low: float
    high: float
    samples: Array
    labels: Array


def page(networks: Sequence[Shown], images: Images) -> str:
    """One HTML document, in ASCII, that needs nothing else."""
    integer = images.samples.dtype == np.uint8
    channels = 1 if len(images.shape) == 2 else images.shape[0]
    values = {
        "dataset": images.dataset,
        "channels": channels,
        "height": images.shape[-2],
        "width": images.shape[-1],
        "classes": images.classes,
        "integer": integer,
        "low": images.low,
        "high": images.high,
        "samples": base64(images.samples, "u1" if integer else "<f4"),
        "labels": images.labels.tolist(),
        "networks": [
            {
                "name": network.name,
                "config": {name: network.config[name] for name in SENT},
                "about": network.about,
                "terms": network.terms,
                "scaling": dict(network.scaling),
                "states": [
                    {"epochs": epochs, "tensors": {n: halves(w) for n, w in weights.items()}}
                    for epochs, weights in sorted(network.weights.items())
                ],
            }
            for network in networks
        ],
    }
    # no "<" in it: nothing in a name can end the element that holds it
    data = json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")
    found = _file("page.html")
    for name, text in {
        "STYLE": _file("page.css"),
        "SCRIPT": _file("page.js"),
        "DATA": data,
    }.items():
        found = found.replace(f"%{name}%", text, 1)
    return found


def halves(array: Array) -> dict[str, Any]:
    """An array as float16, and the power of two to multiply it by: none is too large or small."""
    exponent = math.frexp(float(np.abs(array).max(initial=0)))[1] - BINARY16
    values = np.ldexp(array, -exponent).astype("<f2")
    return {"values": base64(values, "<f2"), "scale": 2.0**exponent}


def base64(array: Array, dtype: str) -> str:
    """The bytes of an array of this type."""
    return b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode("ascii")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="ascii")
