"""A model: a method with its weights, and what it must know of its data set to be used."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ffnp.backends import Backend
from ffnp.backends.selection import make_backend, unavailable
from ffnp.config import Config
from ffnp.data.appearance import Appearance
from ffnp.data.arrays import LARGEST, MOST_CLASSES, Images, as_images
from ffnp.data.classes import are_names, spelt
from ffnp.data.dataset import Dataset, Split
from ffnp.data.digest import Digest
from ffnp.errors import InputError, expect
from ffnp.network import BackpropLabel, BackpropPairwise, ForwardForward, LocalHeads, Method
from ffnp.network.building import headed_network, labelled_network, perceptron
from ffnp.network.dropout import Dropout
from ffnp.objectives import OBJECTIVES, Objective, Pairwise, make_objective
from ffnp.objectives.activations import ACTIVATIONS, Activation
from ffnp.objectives.collaboration import GAMMAS, LayerObjective
from ffnp.objectives.own import Own, as_own, not_given
from ffnp.randomness import INITIALISATION, stream
from ffnp.scaling import Scaling, fit_scaling

MOST_PIXELS = 10**9  # of an image
FLOATS, UINT8 = "floats", "uint8 (0..255)"  # the pixels that models learn from


def _is_number(value: Any, above: float = -math.inf) -> bool:
    return type(value) in (int, float) and above < value and abs(value) <= LARGEST


@dataclass(frozen=True)
class DataDescription:
    """What a model remembers of its training data."""

    shape: tuple[int, ...]  # of one image, before flattening
    classes: int  # K
    integer: bool  # whether pixels are uint8 (0..255) or floats
    scaling: Scaling  # with the training set's statistics
    # None in runs of ffnp 0.1, which may go on nevertheless
    appearance: Appearance | None = field(default=None, compare=False)
    # SHA-256 of the images and labels that are trained on; None in runs of earlier versions
    digest: str | None = field(default=None, compare=False)
    names: tuple[str, ...] = field(default=(), compare=False)  # of the classes; none: numbers

    def __post_init__(self) -> None:
        shape, scaling, length = self.shape, self.scaling, self.scaling.length
        if not (
            all(type(side) is int and side > 0 for side in shape)
            and 0 < math.prod(shape) <= MOST_PIXELS
            and type(self.classes) is int
            and 2 <= self.classes <= MOST_CLASSES
            and type(self.integer) is bool
            and _is_number(scaling.mean)
            and _is_number(scaling.deviation, 0)
            and (length is None or _is_number(length, 0))
            and isinstance(self.appearance, Appearance | None)
            and isinstance(self.digest, str | None)
            and are_names(self.names, self.classes)
        ):
            raise InputError("it does not describe its data")

    @classmethod
    def of(cls, dataset: Dataset, config: Config) -> "DataDescription":
        """Describe a data set, and fit the scaling to its training images."""
        found = cls.of_split(dataset.train, int(dataset.classes), config, dataset.name)
        return replace(found, appearance=Appearance.of(dataset.train))

    @classmethod
    def of_split(
        cls, train: Split, classes: int, config: Config, name: str = ""
    ) -> "DataDescription":
        """Of rows to train on, with labels of so many classes; no image will be unlike them."""
        images, digest = train.images, Digest(train)
        scaling = fit_scaling(config.scaling, images, config.input_length, name, digest.see)
        integer = images.dtype == np.uint8
        shape, names = train.shape, train.names
        return cls(shape, classes, integer, scaling, digest=digest.text(), names=names)

    @property
    def pixels(self) -> int:
        """D."""
        return math.prod(self.shape)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"shape": list(self.shape), "names": list(self.names)}

    @classmethod
    def from_dict(cls, values: Any) -> "DataDescription":
        """The description that `to_dict` wrote; `InputError` if it did not."""
        try:
            appearance = values.get("appearance")
            return cls(
                tuple(values["shape"]),
                values["classes"],
                values["integer"],
                Scaling(**values["scaling"]),
                None if appearance is None else Appearance.from_dict(appearance),
                values.get("digest"),
                tuple(values.get("names", ())),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError("it does not describe its data") from error

    def flat(self, images: Any, where: str) -> Images:
        """Images (N, D) or (N, *shape), an array-like, as (N, D); `InputError` if they do not fit.

        `where` begins the message.
        """
        checked = as_images(where, images)
        self._check_images(where, checked.shape[1:], checked.dtype)
        return checked.reshape(-1, self.pixels)

    def unlike(self, images: Images, start: int) -> tuple[int, str]:
        """See `Appearance.unlike`; no image is, if nothing is known."""
        if self.appearance is None:
            return 0, ""
        return self.appearance.unlike(images, self.shape, start)

    def called(self, labels: Iterable[int]) -> list[str]:
        """Labels by the names of their classes, which may be numbers."""
        return spelt(self.names, labels)

    def check(self, split: Split) -> Split:
        """A split with the model's labels: those of the classes of the same names, if it has any.

        `InputError` if its images or labels do not fit the model.
        """
        expect("the split", split, Split, "give dataset.test, or ffnp.data.Split(images, labels)")
        self._check_images(split.name, split.shape, split.images.dtype)
        if split.names and split.names != self.names:
            return split.named(tuple(self.called(range(self.classes))))
        if split.labels.max() >= self.classes:
            raise InputError(
                f"{split.name} has label {split.labels.max()}, "
                f"but the model knows only 0..{self.classes - 1}: leave out the images of others"
            )
        return split

    def _check_images(self, where: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if shape not in (self.shape, (self.pixels,)):
            raise InputError(
                f"{where} has images of shape {shape}: the model takes "
                f"{'x'.join(map(str, self.shape))}, or {self.pixels} values"
            )
        found, wanted = (
            UINT8 if integer else FLOATS for integer in (dtype == np.uint8, self.integer)
        )
        if found != wanted:
            raise InputError(
                f"{where} has pixels that are {found}, but the model was "
                f"trained on {wanted}: convert them"
            )


@dataclass(frozen=True)
class Model:
    """A method with its weights, its configuration and the description of its data.

    Attributes
    ----------
    config : Config
    data : DataDescription
    method : Method
    backend : Backend
    activation : Activation or None
        One of the user's own.

    Notes
    -----
    A copy, and what is pickled, is configuration, description and weights, on a backend of its own:
    that of the same name, or where that is not available the default. An objective of the user's
    own is left out, as in a stored run.
    """

    config: Config
    data: DataDescription
    method: Method
    backend: Backend
    activation: Activation | None = None

    @classmethod
    def create(
        cls,
        config: Config,
        data: DataDescription,
        backend: Backend,
        own: Own | Objective | None = None,
    ) -> "Model":
        """A model with weights drawn from the configuration's seed.

        `own` is what is the user's own, which a configuration calls `own` or FILE.py:NAME: an
        objective, or `Own`. `InputError` if the configuration names one of ffnp's in its place.
        Without its objective or gamma such a model predicts, and `InputError` is raised when it is
        to learn; without its activation it is raised at once.
        """
        own = as_own(own)
        own.check(config)
        method = _method(config, data, backend, own)
        method.parameters.initialise(stream(config.seed, INITIALISATION))
        return cls(config, data, method, backend, own.activation)

    @property
    def layer_objective(self) -> LayerObjective | None:
        """What layers minimise, if it is of ffnp: nobody knows what one's own needs."""
        if isinstance(self.method, ForwardForward) and self.config.objective in OBJECTIVES:
            return self.method.objective
        return None

    @staticmethod
    def check_claims(config: Config, data: DataDescription, tensors: Mapping[str, Any]) -> None:
        """`InputError` if a model has more weights than these tensors: nothing is allocated yet."""
        claimed = least_weights(config, data)
        held = sum(tensor.size for tensor in tensors.values())
        if claimed > held:
            raise InputError(f"it holds {held} weights of {claimed}")

    def weights(self) -> dict[str, Any]:
        """Host arrays of the weights, by name, e.g. `layer1.weights` (in, out).

        On the CPU they are the model's own: they change with it, and it with them.
        """
        parameters = self.method.parameters
        flat = self.backend.to_host(parameters.flat)
        return parameters.views(flat)

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.config, self.data, self.backend.name, self.weights())
        return _restored, (*parts, self.activation)


def least_weights(config: Config, data: DataDescription) -> int:
    """How many weights a model has, without biases and the heads of all layers but the last."""
    widths = config.hidden
    every = config.joined == "every" and config.labelled
    joined = (data.pixels + data.classes) * sum(widths[1:]) if every else 0
    ends = data.pixels * widths[0] + data.classes * widths[0 if config.labelled else -1]
    return ends + joined + sum(a * b for a, b in pairwise(widths))


def _restored(
    config: Config,
    data: DataDescription,
    backend: str,
    weights: dict[str, Any],
    activation: Activation | None = None,
) -> Model:
    name = "auto" if unavailable(backend, config.device) else backend
    model = Model.create(
        config, data, make_backend(name, config.device), Own(activation=activation)
    )
    model.method.parameters.load(weights)
    return model


class NotGiven:
    """In place of an objective or a gamma of the user's own, in a model that only predicts."""

    by_image = True

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: Any) -> Any:
        raise not_given(self._name)


def _method(config: Config, data: DataDescription, backend: Backend, own: Own) -> Method:
    activation = ACTIVATIONS.get(config.activation, own.activation)
    if activation is None:
        raise not_given("activation")
    dtype = np.dtype(config.dtype)
    dropout = Dropout(config.pixel_dropout, config.unit_dropout, config.seed)
    sizes = (data.pixels, data.classes, config.hidden)
    if config.method == "backprop-label":
        return BackpropLabel(perceptron(backend, *sizes, activation, dtype, dropout))
    if config.method == "local-heads":
        return LocalHeads(*headed_network(backend, *sizes, activation, dtype, dropout))
    network = labelled_network(
        backend, *sizes, activation, config.label_scale, dtype,
        not config.is_baseline, dropout, config.joined, config.hidden_length,
    )  # fmt: skip
    if config.method == "backprop-pairwise":
        return BackpropPairwise(network, Pairwise(config.alpha), config.rows(data.classes))
    gamma: Any = config.gamma if config.method == "collab" else "none"
    if gamma not in GAMMAS:
        gamma = own.gamma or NotGiven("gamma")
    objective: Any = own.objective or NotGiven("objective")
    if config.objective in OBJECTIVES:
        objective = make_objective(config.objective, config)
    return ForwardForward(
        network,
        LayerObjective(objective, gamma, config.gamma_scale),
        config.rows(data.classes),
        config.negatives == "hardest",
    )
