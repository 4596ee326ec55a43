"""Forward-Forward as an estimator of scikit-learn: `pip install 'ffnp[sklearn]'`."""

from copy import deepcopy
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ffnp.runs.fitting import Fitted, Rows, fit
from ffnp.runs.watching import Watcher

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.callback import CallbackSupportMixin, with_callbacks
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.extmath import softmax
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        f"ffnp.sklearn needs scikit-learn 1.9 or newer ({error}): pip install 'ffnp[sklearn]'"
    ) from error

# Fields of Config that are parameters of the estimator, by the same names, with the same defaults.
OPTIONS = (
    "method", "gamma", "gamma_scale", "objective", "labels", "negatives", "schedule", "update",
    "hidden", "joined", "hidden_length", "activation", "theta", "alpha", "scaling", "input_length",
    "label_scale", "pixel_dropout", "unit_dropout", "optimizer", "lr", "momentum", "weight_decay",
    "lr_schedule", "epochs", "batch_size", "cache_mb", "backend", "device", "dtype",
)  # fmt: skip


class ForwardForwardClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A classifier of layers that learn locally: Forward-Forward with layer collaboration.

    Each row is joined with a label; each layer learns to have much goodness, the sum of its
    squared activities, where the label is the true one. The label of most goodness, summed over
    the layers, is the prediction.

    Parameters
    ----------
    method, gamma, gamma_scale, objective, labels, negatives, schedule, update, hidden, joined, \
hidden_length, activation, theta, alpha, scaling, input_length, label_scale, pixel_dropout, \
unit_dropout, optimizer, lr, momentum, weight_decay, lr_schedule, epochs, batch_size, cache_mb, \
backend, device, dtype
        As those of `ffnp.Config`, whose docstring describes each, with its defaults. `objective`
        may be one of your own, a function of (goodness, gamma), too; a batch is never larger than
        the rows.
    early_stopping : bool
        Hold out rows of each class; end when the error on them has not fallen for `patience`
        epochs, and keep the weights of the epoch that had the lowest.
    validation_fraction : float
        How many rows `early_stopping` holds out, of 1.
    patience : int
        Epochs; see `early_stopping`.
    warm_start : bool
        `fit` goes on from what was fitted before, for `epochs` more: with its weights, optimiser
        and random streams, so that two halves are a whole, to the bit (with a constant learning
        rate and without early stopping).
    random_state : int, RandomState or None
        Fixes weights, order, wrong labels and dropout. An int is `ffnp.Config`'s seed.

    Attributes
    ----------
    classes_ : (K,) array
    n_features_in_ : int
    feature_names_in_ : (D,) array of str
        Where columns of a data frame were named.
    n_iter_ : int
        Epochs, over all trainings that went on from each other.
    loss_curve_ : list of float
        The mean of the layers' losses of each epoch; every row counts once.
    validation_scores_, best_validation_score_ : list of float, float
        Accuracy on the rows held out, of each epoch and the best (`early_stopping`).
    best_epoch_ : int
        Whose weights the model has, from 1.
    model_ : ffnp.model.Model
        For `ffnp.evaluate`, `ffnp.analyse` and the like; labels are indices into `classes_`.

    Notes
    -----
    Features are taken as float32. With scaling `standard`, the default, one mean and deviation of
    all features together is taken, and every row brought to one length: features of different
    units want a `StandardScaler` before.

    Rows that are equal, with their labels, are one row of all their weights, and rows have an order
    of their own: a row of `sample_weight` 2 is the row twice, and the order of rows moves no bit.
    A row's weight, divided by the mean of all, is a factor on its coefficients dJ/dg. The rows of
    each call of `partial_fit` have a mean of their own, and the scaling is that of the first.
    """

    def __init__(
        self,
        *,
        method: str = "collab",
        gamma: str = "others",
        gamma_scale: float = 1.0,
        objective: Any = "sigmoid",
        labels: int | str | None = None,
        negatives: str = "random",
        schedule: str = "network",
        update: str = "simultaneous",
        hidden: tuple[int, ...] = (500, 500, 500),
        joined: str = "first",
        hidden_length: float = 1.0,
        activation: str = "relu",
        theta: float = 20.0,
        alpha: float = 1.0,
        scaling: str = "standard",
        input_length: float = 10.0,
        label_scale: float = 3.0,
        pixel_dropout: float = 0.0,
        unit_dropout: float = 0.0,
        optimizer: str = "adam",
        lr: float = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        lr_schedule: str = "constant",
        epochs: int = 150,
        batch_size: int = 200,
        cache_mb: int = 2000,
        backend: str = "auto",
        device: int = 0,
        dtype: str = "float32",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        self.method = method
        self.gamma = gamma
        self.gamma_scale = gamma_scale
        self.objective = objective
        self.labels = labels
        self.negatives = negatives
        self.schedule = schedule
        self.update = update
        self.hidden = hidden
        self.joined = joined
        self.hidden_length = hidden_length
        self.activation = activation
        self.theta = theta
        self.alpha = alpha
        self.scaling = scaling
        self.input_length = input_length
        self.label_scale = label_scale
        self.pixel_dropout = pixel_dropout
        self.unit_dropout = unit_dropout
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.cache_mb = cache_mb
        self.backend = backend
        self.device = device
        self.dtype = dtype
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.random_state = random_state

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "ForwardForwardClassifier":
        """Learn from rows X (N, D) with classes y (N,), of any type.

        Parameters
        ----------
        X : (N, D) array-like or data frame
        y : (N,) array-like
        sample_weight : (N,) array-like, optional
            0 or more: how much a row counts beside the others.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Parameters or data are wrong; `ffnp.errors.InputError`, which is one, says how to mend
            it.
        TrainingError
            The numbers are no longer finite, or the network has died: try another lr or theta.
        """
        self._check_own()
        before: Fitted | None = getattr(self, "_fitted", None) if self.warm_start else None
        x, targets, weight = self._checked(X, y, sample_weight, first=before is None)
        if before is None:
            self.classes_ = np.unique(targets[weight > 0])
        epochs = _Epochs(self, X=x, y=targets, weight=sample_weight)
        self._learn(x, targets, weight, before, self._options(), epochs)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> "ForwardForwardClassifier":
        """One epoch more, on these rows; see `fit`.

        The first call of all names the classes that will come, and its rows decide the scaling.
        The learning rate stays what it is.
        """
        self._check_own()
        if self.early_stopping:
            raise ValueError("partial_fit does not hold out rows: leave out early_stopping")
        before: Fitted | None = getattr(self, "_fitted", None)
        if before is None and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        x, targets, weight = self._checked(X, y, sample_weight, first=before is None)
        if classes is not None:
            given = np.unique(np.asarray(classes))
            if before is not None and not np.array_equal(given, self.classes_):
                raise ValueError(
                    f"classes={classes!r} is not the same as on the first call to partial_fit: "
                    f"{self.classes_!r}"
                )
            self.classes_ = given
        options = self._options() | {"epochs": 1, "lr_schedule": "constant"}
        self._learn(x, targets, weight, before, options)
        return self

    def _check_own(self) -> None:
        """`ValueError` if a parameter is wrong that `Config` has not."""
        for name in ("early_stopping", "warm_start"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool):
                raise ValueError(f"{name} is {value!r}: give True or False")
        share = self.validation_fraction
        if not self.early_stopping:
            return
        if not isinstance(share, Real) or isinstance(share, bool) or not 0 < share < 1:
            raise ValueError(
                f"validation_fraction is {share!r}: it must be a number above 0 and "
                "below 1, the share of the rows to hold out"
            )

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in OPTIONS}

    def _checked(
        self, X: Any, y: Any, sample_weight: Any, first: bool
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.float64]]:
        """The one door: arrays to rely on, or a `ValueError`."""
        x, targets = validate_data(self, X, y, dtype=np.float32, order="C", reset=first)
        check_classification_targets(targets)
        weight = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        return x, targets, weight

    def _learn(
        self,
        x: NDArray[np.float32],
        targets: NDArray[Any],
        weight: NDArray[np.float64],
        before: Fitted | None,
        options: dict[str, Any],
        watcher: Watcher | None = None,
    ) -> None:
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has only one class, {self.classes_[0]} (rows of sample_weight 0 are left "
                "out): give at least two classes"
            )
        labels = np.searchsorted(self.classes_, targets)
        known = self.classes_[np.minimum(labels, len(self.classes_) - 1)] == targets
        if not known[weight > 0].all():
            unknown = np.unique(targets[~known & (weight > 0)])
            raise ValueError(f"y has classes {unknown!r}, which are not among {self.classes_!r}")
        rows, held_out = Rows.of(x, labels, weight), None
        seed = self._seed(before)
        if self.early_stopping:
            try:
                kept, held = train_test_split(
                    np.arange(len(rows)), test_size=float(self.validation_fraction),
                    stratify=rows.labels, random_state=seed % 2**32,
                )  # fmt: skip
            except ValueError as error:
                raise ValueError(
                    f"early_stopping cannot hold out {self.validation_fraction} of {len(rows)} "
                    f"different rows (validation_fraction): {error}"
                ) from error
            rows, held_out = rows.some(kept), rows.some(held)
            options |= {"patience": self.patience, "keep": "best"}
        fitted = fit(options | {"seed": seed}, rows, len(self.classes_), held_out, before, watcher)
        self._fitted, self.model_ = fitted, fitted.model
        self.n_iter_, self.best_epoch_ = fitted.earlier.epochs, fitted.epoch
        self.loss_curve_ = [float(np.mean(record["losses"])) for record in fitted.metrics]
        if self.early_stopping:
            errors = [r["test_error"]["all"] for r in fitted.metrics if "test_error" in r]
            self.validation_scores_ = [1 - error / 100 for error in errors]
            self.best_validation_score_ = max(self.validation_scores_)

    def _seed(self, before: Fitted | None) -> int:
        if before is not None:
            return before.model.config.seed
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def layer_scores(self, X: ArrayLike) -> NDArray[np.float64]:
        """What each layer says: (L, N, K) goodness, for each row joined with each class.

        Computed in float64, so that a row's numbers do not depend on the rows beside it.
        Of a baseline, the scores of its one output (L = 1).
        """
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        return self._fitted.scores(x)

    def _votes(self, X: ArrayLike) -> NDArray[np.float64]:
        """(N, K) goodness, summed over the layers."""
        votes: NDArray[np.float64] = self.layer_scores(X).sum(axis=0)
        return votes

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Goodness summed over the layers, (N, K); with two classes (N,), the second less the
        first.
        """
        votes = self._votes(X)
        if len(self.classes_) == 2:
            votes = votes[:, 1] - votes[:, 0]
        return votes

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Softmax of the goodness summed over the layers, (N, K).

        Surer of itself than it is right: docs/estimator.md has figures, and what mends it.
        """
        found: NDArray[np.float64] = softmax(self._votes(X))
        return found

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of most goodness, (N,)."""
        votes = self._votes(X)
        chosen: NDArray[Any] = self.classes_[votes.argmax(axis=1)]
        return chosen


class _Epochs(Watcher):
    """Tells scikit-learn's callbacks of every epoch, and ends the training if they ask for it."""

    def __init__(self, estimator: Any, *, X: Any, y: Any, weight: Any) -> None:
        self._estimator, self._epoch = estimator, None  # type: Any, Any
        self._given: dict[str, Any] = {"X": X, "y": y}
        if weight is not None:
            self._given["metadata"] = {"sample_weight": weight}
        epochs = None if estimator.schedule == "layer" else estimator.epochs  # of every layer
        self._task = estimator._init_callback_context(max_subtasks=epochs)
        self._task.call_on_fit_task_begin(estimator=estimator, **self._given)

    def start(self, trainer: Any) -> None:
        self._trainer = trainer

    def batch(self, trainer: Any) -> bool:
        if self._epoch is None:
            self._epoch = self._task.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._given)
        return False

    def epoch(self, record: dict[str, Any]) -> bool | None:
        epoch, self._epoch = self._epoch, None
        return bool(self._end(epoch))

    def _end(self, task: Any) -> Any:
        return task.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._fitted, **self._given
        )

    def _fitted(self) -> dict[str, Any]:
        """What makes an estimator that predicts as the weights are now."""
        model = deepcopy(self._trainer.model)
        return {"_fitted": Fitted(model, self._trainer.left(), [], 0), "model_": model}
