"""A run's folder: its configuration, metrics, weights and state, and nothing else."""

import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from ffnp._version import __version__
from ffnp.backends import Backend
from ffnp.config import Config
from ffnp.errors import InputError, StorageError
from ffnp.files import partial, read_bytes, remove_partial, rename, write_atomically, writing
from ffnp.model import DataDescription, Model
from ffnp.storage import read_json, read_tensors, write_tensors
from ffnp.training import Trainer

CONFIG, METRICS = "config.json", "metrics.jsonl"
MODEL, STATE = "model.safetensors", "state.safetensors"
ELSEWHERE = {"backend", "device", "dataset", "data_dir"}  # may differ where a run goes on
RECORDED = {"phase", "epoch", "losses", "train_error", "seconds"}  # of every epoch, at least


def default_folder(config: Config) -> Path:
    """runs/<date and time>-<data set>-<method>-<seed>, with a number where that exists."""
    date = datetime.now().strftime("%Y%m%d-%H%M%S")
    name = f"{date}-{Path(config.dataset).stem}-{config.method}-{config.seed}"
    names = chain([name], (f"{name}-{i}" for i in count(2)))
    return next(folder for folder in map(Path("runs").joinpath, names) if not folder.exists())


class Run:
    """The folder of one training run.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, config: Config) -> "Run":
        """Make a new folder.

        Raises
        ------
        InputError
            If the folder exists.
        StorageError
            If it cannot be written; nothing is left behind.
        """
        missing = [parent for parent in folder.parents if not parent.exists()]
        if folder.exists():
            raise InputError(f"{folder} exists already: give --out another name, or --resume it")
        content = json.dumps({"ffnp": __version__, "config": config.to_dict()}, indent=2)
        whole = partial(folder)  # a folder of this name holds its configuration, at any moment
        try:
            with writing(folder):
                whole.mkdir(parents=True, exist_ok=True)
                write_atomically(whole / CONFIG, content.encode() + b"\n")
                rename(whole, folder)
        except BaseException:
            shutil.rmtree(whole, ignore_errors=True)
            with suppress(OSError):
                for made in missing:
                    made.rmdir()
            raise
        return cls(folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the folder's only writer; the system sees to it when its writer ends in any way.

        Raises
        ------
        InputError
            If another process is.
        """
        path = self.folder / CONFIG
        with writing(path):
            file = path.open("rb+")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"another process trains in {self.folder}: wait until it ends, or stop it"
                ) from error
            except OSError as error:
                raise StorageError(f"{path} cannot be locked: {error.strerror}") from error
            remove_partial(self.folder)
            yield

    def config(self) -> Config:
        """The configuration that the run was started with."""
        path = self.folder / CONFIG
        values = read_json(path)
        if not isinstance(values, dict) or not isinstance(values.get("config"), dict):
            raise InputError(f"{path} is damaged: it holds no configuration")
        try:
            return Config.from_dict(values["config"])
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}") from error

    def metrics(self) -> list[dict[str, Any]]:
        """What was recorded of each epoch; empty before the first."""
        path = self.folder / METRICS
        if not path.exists():
            return []
        try:
            records = [json.loads(line) for line in read_bytes(path).splitlines()]
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is damaged: {error}") from error
        if not all(isinstance(record, dict) and RECORDED <= set(record) for record in records):
            raise InputError(f"{path} is damaged: a line lacks {', '.join(sorted(RECORDED))}")
        return records

    def write_metrics(self, epochs: list[dict[str, Any]]) -> None:
        """Replace the record by these epochs, a line each."""
        lines = "".join(json.dumps(epoch) + "\n" for epoch in epochs)
        write_atomically(self.folder / METRICS, lines.encode())

    @property
    def finished(self) -> bool:
        """Whether the trained model is stored."""
        return (self.folder / MODEL).exists()

    def write_model(self, model: Model) -> None:
        """Store the trained model."""
        values = {"config": model.config.to_dict(), "data": model.data.to_dict()}
        write_tensors(self.folder / MODEL, model.weights(), values)

    def model(self, backend: Backend) -> Model:
        """The trained model, on a backend.

        Raises
        ------
        InputError
            If the run has not finished, or its model is damaged.
        """
        path = self.folder / MODEL
        if not self.finished:
            if (self.folder / CONFIG).exists():
                raise InputError(
                    f"{self.folder} has no trained model yet: "
                    f"finish it with `ffnp train --resume {self.folder}`"
                )
            raise InputError(f"{self.folder} is not the folder of a run: it has no {MODEL}")
        tensors, values = read_tensors(path)
        try:
            config = Config.from_dict(values["config"])
            data = DataDescription.from_dict(values["data"])
        except (KeyError, TypeError, InputError) as error:
            raise InputError(f"{path} is damaged: it does not describe its model") from error
        model = Model.create(config, data, backend)
        model.method.parameters.load(tensors)
        return model

    def write_state(self, trainer: Trainer, extra: Mapping[str, Any]) -> None:
        """Store all that `resume` needs, with plain values of the caller's."""
        tensors, values = trainer.state()
        model = trainer.model
        own = {"config": model.config.to_dict(), "data": model.data.to_dict(), "extra": dict(extra)}
        write_tensors(self.folder / STATE, tensors, {**values, **own})

    def read_state(self, trainer: Trainer) -> dict[str, Any]:
        """Put a trainer where the run was last saved; gives back the caller's values.

        A run that was killed before its first checkpoint starts again: {} is given back.
        """
        path = self.folder / STATE
        if not path.exists():
            return {}
        tensors, values = read_tensors(path)
        if values.get("data") != json.loads(json.dumps(trainer.model.data.to_dict())):
            raise InputError(f"{path} was trained on other data: give the run's own data set")
        saved, config = values.get("config"), trainer.model.config.to_dict()
        if saved is None or set(saved) != set(config):
            raise InputError(f"{path} was written by another version of ffnp: train anew")
        other = sorted(name for name in set(config) - ELSEWHERE if saved[name] != config[name])
        if other:
            raise InputError(
                f"{path} was trained with another {', '.join(other)} than {self.folder / CONFIG} "
                "says: restore that file, or train anew with --config"
            )
        try:
            trainer.load_state(tensors, values)
            extra: dict[str, Any] = values["extra"]
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path} is damaged: it lacks {error}") from error
        return extra


class Every:
    """Tells when an interval of wall-clock time has passed.

    Parameters
    ----------
    seconds : float
        0: always.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the interval has passed since it was last due."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
