"""A run's folder: its configuration, metrics, weights and state, and nothing else."""

import errno
import fcntl
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from itertools import chain, count
from pathlib import Path
from typing import Any

from ffnp.backends import Backend
from ffnp.config import Config, is_reference
from ffnp.errors import GoneError, InputError, StorageError
from ffnp.files import (
    CANNOT,
    GOOD_COPY,
    partial,
    read_bytes,
    reading,
    remove_partial,
    rename,
    write_atomically,
    writing,
)
from ffnp.model import DataDescription, Model
from ffnp.runs.own import checksum
from ffnp.runs.records import is_epoch
from ffnp.runs.storage import read_json, read_tensors, write_tensors
from ffnp.training.trainer import Trainer

CONFIG, METRICS = "config.json", "metrics.jsonl"
MODEL, STATE = "model.safetensors", "state.safetensors"
CHECKSUM = "objective_sha256"  # in the configuration's file
ELSEWHERE = {"backend", "device", "dataset", "data_dir"}  # may differ where a run goes on


def default_folders(config: Config) -> Iterator[Path]:
    """runs/<date and time>-<data set>-<method>-<seed>, then the same with a number."""
    date = datetime.now().strftime("%Y%m%d-%H%M%S")
    name = f"{date}-{Path(config.dataset).stem}-{config.method}-{config.seed}"
    return map(Path("runs").joinpath, chain([name], (f"{name}-{i}" for i in count(2))))


@dataclass(frozen=True)
class Run:
    """The folder of one training run."""

    folder: Path

    @classmethod
    def create(cls, folders: Iterable[Path], config: Config) -> "Run":
        """Make a new folder: the first of these that does not exist; `InputError` if all do.

        The file of an objective FILE.py:NAME is remembered by its checksum. Where the folder
        cannot be written, nothing is left behind.
        """
        for folder in folders:
            if not folder.exists() and _make(folder, config):
                return cls(folder)
        raise InputError(f"{folder} exists already: give --out another name, or --resume it")

    @contextmanager
    def alone(self, new: bool = False) -> Iterator[None]:
        """Be the folder's only writer; `InputError` if another process is.

        The system sees to it when its writer ends in any way. Where the file system has no locks, a
        new folder needs none, and another one is refused: somebody may be writing there.
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
                if not (new and error.errno in CANNOT):
                    raise StorageError(
                        f"{path} cannot be locked: {error.strerror}: copy {self.folder} to a disk "
                        "that can, and resume it there"
                    ) from error
            remove_partial(self.folder)
            try:
                yield
            except KeyboardInterrupt as interrupt:
                interrupt.add_note(f"continue with `ffnp train --resume {self.folder}`")
                raise

    def config(self) -> Config:
        """The configuration that the run was started with."""
        path = self.folder / CONFIG
        values = read_json(path)
        if not isinstance(values, dict) or not isinstance(values.get("config"), dict):
            raise InputError(f"{path} is damaged: it holds no configuration: {GOOD_COPY}")
        try:
            config = Config.from_dict(values["config"])
        except GoneError as error:
            raise InputError(f"{path}: {error}") from error
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}: {GOOD_COPY}") from error
        missing = sorted(set(config.to_dict()) - set(Config.completed(values["config"])))
        if missing:
            raise InputError(
                f"{path} lacks {', '.join(missing)}: {GOOD_COPY}, or train anew if another "
                "version of ffnp wrote it"
            )
        return config

    def check_objective(self) -> None:
        """Refuse an objective FILE.py:NAME whose file is no longer what the run began with."""
        values = read_json(self.folder / CONFIG)
        reference = values["config"]["objective"]
        if is_reference(reference) and checksum(reference) != values.get(CHECKSUM):
            raise InputError(
                f"the file of {reference} has changed since {self.folder} was begun: "
                "put the old one back, or train anew"
            )

    def metrics(self) -> list[dict[str, Any]]:
        """What was recorded of each epoch; empty before the first."""
        path = self.folder / METRICS
        if not path.exists():
            return []
        mend = "remove it: only the record of the epochs is lost"
        with reading(path, ValueError, RecursionError, mend=mend):
            records = [json.loads(line) for line in read_bytes(path).splitlines()]
        for number, record in enumerate(records, start=1):
            if not is_epoch(record):
                raise InputError(f"{path} is damaged: line {number} is no epoch's record: {mend}")
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
        write_tensors(self.folder / MODEL, model.weights(), _described(model))

    def model(self, backend: Backend, last: bool = False) -> Model:
        """The trained model, on a backend; `InputError` if there is none, or it is damaged.

        With `last`, of a training that is not finished: the weights that were last saved.
        """
        path, state = self.folder / MODEL, self.folder / STATE
        again = f"`ffnp train --resume {self.folder}`"
        if not self.finished:
            if not (self.folder / CONFIG).exists():
                raise self._no_run()
            if not state.exists():
                raise InputError(f"{self.folder} has no weights yet: finish it with {again}")
            if not last:
                raise InputError(
                    f"{self.folder} has no trained model yet: finish it with {again}, or load its "
                    "last weights with load_model(..., last=True)"
                )
            path = state
        mend = f"remove it, and {again} makes it again"
        tensors, values = read_tensors(path, mend)
        try:
            config = Config.from_dict(values["config"])
            data = DataDescription.from_dict(values["data"])
        except GoneError as error:
            raise InputError(f"{path}: {error}") from error
        except (KeyError, TypeError, InputError) as error:
            raise InputError(
                f"{path} is damaged: it does not describe its model: {mend}"
            ) from error
        try:
            Model.check_claims(config, data, tensors)
            model = Model.create(config, data, backend)
            model.method.parameters.load(tensors)
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}: {mend}") from error
        return model

    def _no_run(self) -> InputError:
        """The error of a name that is no run's, with the run that may be meant."""
        meant = [path.parent for path in self.folder.glob(f"*/{CONFIG}")]
        if (self.folder.parent / CONFIG).exists():  # one of its files
            meant = [self.folder.parent]
        mend = f"give one, e.g. {max(meant)}" if meant else "give one that `ffnp train` made"
        return InputError(f"{self.folder} is not the folder of a run: it has no {MODEL}: {mend}")

    def write_state(self, trainer: Trainer, extra: dict[str, Any]) -> None:
        """Store all that `resume` needs, with plain values of the caller's."""
        tensors, values = trainer.state()
        values |= _described(trainer.model) | {"extra": extra}
        write_tensors(self.folder / STATE, tensors, values)

    def read_state(self, trainer: Trainer) -> dict[str, Any]:
        """Put a trainer where the run was last saved; gives back the caller's values.

        A run that was killed before its first checkpoint starts again: {} is given back.
        """
        path = self.folder / STATE
        if not path.exists():
            if self.finished:
                raise InputError(
                    f"{self.folder} is finished, and its {STATE} is gone: see its errors with "
                    f"`ffnp evaluate {self.folder}`, or train anew with another --out"
                )
            return {}
        mend = (
            f"remove it: `ffnp evaluate {self.folder}` and the like do not need it"
            if self.finished
            else f"remove it, and `ffnp train --resume {self.folder}` begins again"
        )
        tensors, values = read_tensors(path, mend)
        saved, config = values.get("config"), trainer.model.config.to_dict()
        saved = None if saved is None else Config.completed(saved)
        if saved is None or set(saved) != set(config):
            raise InputError(f"{path} was written by another version of ffnp: train anew")
        other = sorted(name for name in set(config) - ELSEWHERE if saved[name] != config[name])
        if other:
            was = ", ".join(f"{name} {saved[name]}" for name in other)
            raise InputError(
                f"{path} was trained with another {', '.join(other)} than {self.folder / CONFIG} "
                f"says (it was {was}): restore that file, or train anew with --config"
            )
        try:
            if DataDescription.from_dict(values["data"]) != trainer.model.data:
                raise InputError(f"{path} was trained on other data: give the run's own data set")
        except (KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged: it does not describe its data: {mend}") from error
        try:
            trainer.load_state(tensors, values)
            extra: dict[str, Any] = values["extra"]
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path} is damaged: it lacks {error}: {mend}") from error
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}: {mend}") from error
        return extra


def _described(model: Model) -> dict[str, Any]:
    return {"config": model.config.to_dict(), "data": model.data.to_dict()}


def _make(folder: Path, config: Config) -> bool:
    """Make a run's folder with its configuration, whole; False if another process was faster."""
    missing = [parent for parent in folder.parents if not parent.exists()]
    values = {"ffnp": version("ffnp"), "config": config.to_dict()}
    if is_reference(config.objective):
        values[CHECKSUM] = checksum(config.objective)
    content = json.dumps(values, indent=2)
    whole = partial(folder)  # a folder of this name holds its configuration, at any moment
    try:
        with writing(folder):
            whole.mkdir(parents=True, exist_ok=True)
            write_atomically(whole / CONFIG, content.encode() + b"\n")
            rename(whole, folder)
    except BaseException as error:
        shutil.rmtree(whole, ignore_errors=True)
        with suppress(OSError):
            for made in missing:
                made.rmdir()
        # Of `rename`: which of them depends on the file system.
        if getattr(error.__cause__, "errno", None) in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


class Every:
    """Tells when an interval of so many seconds has passed; with 0, always."""

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
