"""From a configuration to a trained, evaluated and stored model."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from ffnp.backends.selection import make_backend
from ffnp.config import OWN, Config, is_reference
from ffnp.data import Dataset, load
from ffnp.data.catalogue import CATALOGUE
from ffnp.data.dataset import Split
from ffnp.errors import InputError, InputWarning, StorageError, TrainingError, expect
from ffnp.files import exists, reading
from ffnp.model import DataDescription, Model
from ffnp.objectives import Objective
from ffnp.objectives.own import KNOWN, Gamma, Own, not_given
from ffnp.runs.bits import computed, otherwise
from ffnp.runs.folder import CONFIG, Every, OpenRun, Run
from ffnp.runs.own import import_all, naming_all
from ffnp.runs.stopping import Best
from ffnp.runs.watching import Watcher as Watcher
from ffnp.scoring.analysis import analyse
from ffnp.scoring.evaluation import Evaluation, evaluate
from ffnp.training.memory import check_memory
from ffnp.training.trainer import Position, Trainer

CHECKPOINT_SECONDS = 30.0
SAMPLE = 1000  # training images, evenly over them all, whose error is recorded beside the test's


@dataclass(frozen=True, repr=False)
class Result:
    """What a training gives.

    Attributes
    ----------
    model : Model
    test : Evaluation or None
        On the test set, or on the validation rows where the configuration holds some out; None
        without either.
    seconds : float
        Spent in training: without loading the data, compilation, evaluations and analyses.
    metrics : list of dict
        One record an epoch: phase, epoch, losses, seconds so far; `pair_error`, in %: of how many
        training images a wrong label of the few in the batch wins against the true one; with
        `evaluate_every` `test_error`, and `train_error` of SAMPLE training images, by the vote
        for one of all labels.
    run : Run or None
        Where it is stored.
    epoch : int
        Which epoch's weights the model has, from 1, over all phases: the last one's, or with
        `keep` best those of the lowest validation error.
    """

    model: Model
    test: Evaluation | None
    seconds: float
    metrics: list[dict[str, Any]]
    run: Run | None
    epoch: int

    @property
    def summary(self) -> str:
        """A line: what was trained, how long, and where it is."""
        config = self.model.config
        where = "" if self.run is None else f", in {self.run.folder}"
        epochs = f"{config.epochs} epoch{'s'[: config.epochs > 1]}"
        return f"{config.method}, {epochs} in {self.seconds:.1f} s{where}"

    def __repr__(self) -> str:
        return f"<Result: {self.summary}{f': {self.test.summary}' if self.test else ''}>"

    def _repr_html_(self) -> str:
        errors = self.test._repr_html_() if self.test else ""
        return f"<p>{escape(self.summary)}</p>{errors}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `kept_epoch` where that need not be the last."""
        config = self.model.config
        kept = {"kept_epoch": self.epoch} if config.patience or config.keep == "best" else {}
        return {
            "test_error": None if self.test is None else self.test.to_dict(),
            "train_seconds": self.seconds,
            "epochs": config.epochs,
            "seed": config.seed,
            "backend": self.model.backend.name,
            "run_dir": None if self.run is None else str(self.run.folder),
            "config": config.to_dict(),
            **kept,
        }


def train(
    config: Config,
    folder: Path | str | Iterable[Path] | None = None,
    watcher: Watcher | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    *,
    objective: Objective | None = None,
    gamma: Gamma | None = None,
    activation: Any = None,
    dataset: Dataset | None = None,
) -> Result:
    """Train and evaluate what a configuration describes.

    Parameters
    ----------
    config : Config
        The file of an objective, gamma or activation FILE.py:NAME is imported.
    folder : Path, str or iterable of Path, optional
        A new folder to store the run in, or names for one: the first that is free is taken
        (default: nothing is stored).
    watcher : Watcher, optional
    checkpoint_seconds : float
        Time between two saved states; 0: after every batch.
    objective, gamma, activation : optional
        Your own, in place of the configuration's, which then calls it `own`: an `Objective`; a
        function of (L, N, R) goodness that gives what each layer hears of the others; a pair of
        functions (value, slope) of z, or an object with both. See `ffnp.objectives.own.Own`.
    dataset : Dataset, optional
        In place of the configuration's, which then has its name.

    Raises
    ------
    InputError
        The configuration, its data or the objective are wrong, or `folder` exists.
    TrainingError
        The numbers are no longer finite, the network has died, or the watcher asked to stop.
    StorageError
        The folder cannot be written.

    Warns
    -----
    InputWarning
        What was given may not be meant: a field without effect, a class without images.
    """
    expect("the configuration", config, Config, "ffnp.Config(...) makes one")
    names = [Path(folder)] if isinstance(folder, Path | str) else folder
    if names is not None:
        expect("the folder", names, Iterable, "give a name, or names to choose from")
    _check_watching(watcher, checkpoint_seconds)
    own = Own(objective, gamma, activation)
    called: dict[str, Any] = dict.fromkeys(own.given, OWN)
    config = replace(config, **called)
    config = _anchored(config)
    if dataset is not None:
        config = replace(config, dataset=getattr(dataset, "name", config.dataset))
    warn_of_idle(config, ["snapshot_every"] if config.snapshot_every and names is None else [])
    data, trainer = _prepare(config, own, dataset)
    with (
        naming_all(config),
        nullcontext() if names is None else Run.create(names, config) as run,
    ):
        return go_through(trainer, data.test, run, watcher, checkpoint_seconds)


def resume(
    folder: Path | str,
    backend: str | None = None,
    watcher: Watcher | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    *,
    objective: Objective | None = None,
    gamma: Gamma | None = None,
    activation: Any = None,
    dataset: Dataset | Path | str | None = None,
    data_dir: Path | str | None = None,
    device: int | None = None,
) -> Result:
    """Continue a run that was stopped or killed, to the same bits as if it had not been.

    Parameters
    ----------
    folder : Path or str
        Of the run.
    backend : str, optional
        Continue on another backend; the bits are the same only on the run's own, with as many
        threads.
    watcher, checkpoint_seconds
        As for `train`.
    objective, gamma, activation, dataset
        Those that `train` was given. The file of a FILE.py:NAME is imported again.
    dataset, data_dir : Path or str, optional
        Where the data set is now, if it has moved; the run remembers it.
    device : int, optional
        Continue on another GPU.
    """
    _check_watching(watcher, checkpoint_seconds)
    with _run(folder).alone() as run:
        config = run.config()
        own = Own(objective, gamma, activation)
        run.check_own([name for name in KNOWN if name not in own.given])
        elsewhere: dict[str, Any] = {"backend": backend or None, "device": device}
        if data_dir is not None:
            elsewhere["data_dir"] = str(data_dir)
        if not isinstance(dataset, Dataset):
            elsewhere["dataset"], dataset = str(dataset) if dataset else None, None
        given = {name: value for name, value in elsewhere.items() if value is not None}
        config = replace(config, **given)
        data, trainer = _prepare(_anchored(config), own, dataset)
        with naming_all(config):
            return go_through(trainer, data.test, run, watcher, checkpoint_seconds)


def load_model(
    folder: Path | str,
    backend: str = "auto",
    device: int = 0,
    *,
    last: bool = False,
    activation: Any = None,
) -> Model:
    """The trained model of the run in `folder`; see `make_backend` for `backend` and `device`.

    With `last`, where the training is not finished: with the weights that were last saved.
    `activation` is the one of your own that it was trained with: no file is imported here.
    An `InputWarning` says of a run of ffnp 0.1 that it does not know what its images looked like.
    """
    own = Own(activation=activation)
    model = _run(folder).model(make_backend(backend, device), last, own)
    if model.data.appearance is None:
        text = (
            f"{folder} was stored by ffnp 0.1, which kept nothing of how its images look: whether "
            "others are like them is not known"
        )
        warnings.warn(text, InputWarning, stacklevel=2)
    return model


def _check_watching(watcher: Watcher | None, checkpoint_seconds: float) -> None:
    if watcher is not None:
        expect("the watcher", watcher, Watcher, "give an object of a subclass of Watcher")
    expect("checkpoint_seconds", checkpoint_seconds, int | float, "give a number of seconds")
    if not checkpoint_seconds >= 0:
        raise InputError(f"checkpoint_seconds is {checkpoint_seconds}: it must be 0 or more")


def warn_of_idle(config: Config, also: Iterable[str] = ()) -> None:
    """Warn of the fields, if any, that were changed from their defaults without effect."""
    if names := [*config.idle(), *also]:
        verb = "has" if len(names) == 1 else "have"
        text = f"{', '.join(names)} {verb} no effect on this training"
        warnings.warn(text, InputWarning, stacklevel=3)


def _run(folder: Path | str) -> Run:
    expect("the folder of the run", folder, str | Path, "give its name")
    run = Run(Path(folder))
    with reading(run.folder):  # what one may not look at
        (run.folder / CONFIG).exists()
    return run


def load_data(config: Config, dataset: Dataset | None = None) -> Dataset:
    """The configuration's data set, limited, its validation rows in the test's place.

    `dataset` is the whole of it, where it is in memory.
    """
    if dataset is None:
        dataset = load(config.dataset, config.data_dir, config.label_column)
    expect("the data set", dataset, Dataset, "ffnp.load(...) and ffnp.from_arrays make one")
    if config.validation:
        dataset = dataset.hold_out(config.validation)
    dataset = dataset.limited(config.limit_train, config.limit_test)
    test = dataset.test
    if test is None and config.analyse_every:
        dataset.tested()
    if test is not None and len(labels := test.labels) > 1 and labels.min() == labels.max():
        warnings.warn(
            f"{test.name} has images of class {labels[0]} alone: its error says nothing "
            "of the others (shuffle the images, if they are sorted by class)",
            InputWarning,
            stacklevel=2,
        )
    return dataset


def _anchored(config: Config) -> Config:
    """Paths made absolute, so that the run can be read again from any folder."""
    paths = {"data_dir": config.data_dir} if config.data_dir else {}
    if config.dataset not in CATALOGUE and exists(Path(config.dataset)):
        paths["dataset"] = config.dataset
    paths |= {name: getattr(config, name) for name in KNOWN if is_reference(getattr(config, name))}
    absolute: dict[str, Any] = {name: str(Path(path).absolute()) for name, path in paths.items()}
    return replace(config, **absolute)


def _prepare(config: Config, own: Own, dataset: Dataset | None) -> tuple[Dataset, Trainer]:
    own = import_all(config, own)
    for name in KNOWN:
        if getattr(config, name) == OWN and name not in own.given:
            raise not_given(name)
    Best(config)  # refuses what does not go together
    backend = make_backend(config.backend, config.device)
    if backend.name == "cupy" and any(getattr(config, name) not in KNOWN[name] for name in KNOWN):
        text = "what is your own has no kernel: it is computed on the host, and images wait for it"
        warnings.warn(text, InputWarning, stacklevel=3)
    data = load_data(config, dataset)
    if absent := data.absent():
        mend = "shuffle the images, if they are sorted by class"
        if min(split.labels.min() for split in data.splits) == 1:
            mend = "subtract 1 from the labels, if they count from 1"
        text = f"{data.train.name} has no image of class {', '.join(absent)} ({mend})"
        warnings.warn(text, InputWarning, stacklevel=3)
    description = DataDescription.of(data, config)
    check_memory(config, description)
    model = Model.create(config, description, backend, own)
    return data, Trainer(model, data.train)


def go_through(
    trainer: Trainer,
    test: Split | None,
    run: OpenRun | None = None,
    watcher: Watcher | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Result:
    """Go through all of a trainer's epochs, from where it or the run stands, and evaluate.

    `test` are the rows to evaluate, if there are any: see `load_data`.
    """
    model, config = trainer.model, trainer.model.config
    watcher = watcher or Watcher()
    saved: dict[str, Any] = {}
    metrics: list[dict[str, Any]] = []
    done = False
    best = Best(config)
    if run is not None:
        saved = run.read_state(trainer, best)
        done = (trainer.finished or best.over) and run.is_whole()
        run.check_name()
        run.remember(config)
        metrics = run.keep_metrics(config.epochs, trainer.epochs_done)
    sample = trainer.split.spread(SAMPLE)
    if not done and (change := otherwise(model, saved)):
        warnings.warn(change, InputWarning, stacklevel=3)
    start = time.perf_counter() - float(saved.get("seconds", 0.0))
    checkpoint = Every(checkpoint_seconds)
    watcher.start(trainer)

    def seconds() -> float:
        return time.perf_counter() - start - compilation()

    def save() -> None:
        if run is not None:
            run.write_state(trainer, {"seconds": seconds(), **computed(model)}, best)

    over = best.over
    with model.backend.compiling(watcher.compiling) as compilation:
        for position in _saving(iter(()) if over else trainer.run(), save):
            stop = watcher.batch(trainer)
            if position.batch == trainer.batches:
                losses, error = trainer.losses()
                record: dict[str, Any] = {
                    "phase": position.phase + 1,
                    "epoch": position.epoch + 1,
                    "losses": losses,
                    "pair_error": error,
                    "seconds": seconds(),
                }
                record |= _measured(trainer, position, test, sample, best)
                if best.watching and "test_error" in record:
                    best.see(trainer.epochs_done, record["test_error"]["all"], model)
                if run is not None and _due(config.snapshot_every, position):
                    run.write_snapshot(model, trainer.epochs_done)
                start += seconds() - record["seconds"]  # the clock of training stood still
                metrics.append(record)
                if run is not None:
                    run.record(record)
                over = bool(watcher.epoch(record)) or best.over
            if stop or checkpoint.due():
                trainer.check()
                save()
            if stop:
                where = "" if run is None else run.kept().folder
                mend = f": continue with `ffnp train --resume {where}`" if where else ""
                raise TrainingError(f"stopped in {trainer.where}{mend}")
            if over:
                break
    spent, epoch = seconds(), trainer.epochs_done
    if run is not None and not done:  # before the test set, whose images may be found bad
        save()
    if config.keep == "best":
        best.restore(model)
        epoch = best.epoch or epoch  # none was evaluated
    if run is not None and not done:
        run.write_model(model)
    evaluated = None if test is None else evaluate(model, test)
    if run is not None and evaluated is not None:
        run.remember_errors(evaluated.to_dict())
    folder = None if run is None else run.kept()
    result = Result(model, evaluated, spent, metrics, folder, epoch)
    watcher.end(result)
    return result


def _measured(
    trainer: Trainer, position: Position, test: Split | None, sample: Split, best: Best
) -> dict[str, Any]:
    """What the configuration asks to be measured after this epoch, of the layers trained so far."""
    model, config, found = trainer.model, trainer.model.config, {}
    trained = trainer.schedule.losses(position.phase)
    rows = {"test": test, "train": sample if config.evaluate_every else None}
    if _due(config.evaluate_every or best.watching, position):
        for name, split in rows.items():
            if split is not None:
                errors = evaluate(model, split, range(1, trained + 1))
                found[f"{name}_error"] = errors.to_dict()
    if test is not None and _due(config.analyse_every, position):
        found["analysis"] = analyse(model, test, layers=trained).to_dict()
    return found


def _due(every: int, position: Position) -> bool:
    """Whether what happens once in so many epochs does now; 0: never."""
    return every > 0 and (position.epoch + 1) % every == 0


def _saving(positions: Iterator[Position], save: Callable[[], None]) -> Iterator[Position]:
    """The positions of a training, whose state is kept where its data are gone."""
    try:
        yield from positions
    except StorageError:
        save()
        raise
