"""A run's folder: its configuration, metrics, weights, state and snapshots, and nothing else."""

import errno
import json
import os
import shutil
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from ffnp.backends import Backend
from ffnp.config import Config, is_reference
from ffnp.errors import (
    FFNPError,
    GoneError,
    InputError,
    InputWarning,
    StorageError,
    brief,
    expect,
)
from ffnp.files import GOOD_COPY, partial, read_bytes, reading, rename, writing
from ffnp.model import DataDescription, Model
from ffnp.objectives.own import KNOWN, Own
from ffnp.runs.own import checksum
from ffnp.runs.place import Place
from ffnp.runs.records import is_epoch, is_errors, is_extra
from ffnp.runs.stopping import Best
from ffnp.runs.storage import packed, read_json, read_tensors
from ffnp.training.trainer import Trainer

CONFIG, METRICS = "config.json", "metrics.jsonl"
MODEL, STATE = "model.safetensors", "state.safetensors"
SNAPSHOT = "snapshot-{:05d}.safetensors"  # of the weights, after so many epochs
CHECKSUM = "{}_sha256"  # in the configuration's file, of the file of one's own objective
NOTHING = Own()
ERRORS = "test_error"  # there too, once they are measured
DATA = ("dataset", "data_dir")
ELSEWHERE = {"backend", "device", *DATA}  # may differ where a run goes on


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
    @contextmanager
    def create(cls, folders: Iterable[Path], config: Config) -> Iterator["OpenRun"]:
        """Make a new folder, and be its only writer.

        It is the first of `folders` that does not exist; `InputError` if all do. The file of an
        objective FILE.py:NAME is remembered by its checksum. Where the folder cannot be written,
        nothing is left behind. Where the file system has no locks, a new folder needs none.
        """
        folder = None
        for folder in folders:
            expect("the folder", folder, Path, "give a Path, or several to choose from")
            if not os.path.lexists(folder) and (place := _make(folder, config)) is not None:
                with closing(place), _going_on(place):
                    yield OpenRun(folder, place)
                return
        if folder is None:
            raise InputError("no folder is named: give one, or several to choose from")
        raise InputError(f"{folder} exists already: give --out another name, or --resume it")

    @contextmanager
    def alone(self) -> Iterator["OpenRun"]:
        """Be the folder's only writer; `InputError` if another process is.

        The lock is the open folder's, not its name's, and the system sees to it when its writer
        ends in any way. Where the file system has no locks, the folder is refused: somebody may be
        writing there.
        """
        path = self.folder / CONFIG
        if not path.exists():
            raise InputError(f"{path}: no such file")
        with closing(Place(self.folder)) as place:
            try:
                with writing(path):
                    locked = place.lock(CONFIG)
            except StorageError as error:
                if isinstance(error.__cause__, BlockingIOError):
                    raise self._busy() from error
                raise
            if not locked:
                raise StorageError(
                    f"{path} cannot be locked: the disk has no locks: copy {self.folder} to a disk "
                    "that can, and resume it there"
                )
            place.clear()
            with _going_on(place):
                yield OpenRun(self.folder, place)

    def _busy(self) -> InputError:
        return InputError(
            f"another process trains in {self.folder}: wait until it ends, or stop it"
        )

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
        if missing := _missing(values["config"]):
            raise InputError(
                f"{path} lacks {', '.join(missing)}: {GOOD_COPY}, or train anew if another "
                "version of ffnp wrote it"
            )
        return config

    def test_error(self) -> dict[str, Any] | None:
        """The trained model's errors, as they were measured; None where nobody has.

        On its own test rows, or on its validation rows; `InputError` as of `config`.
        """
        path = self.folder / CONFIG
        found: dict[str, Any] | None = read_json(path).get(ERRORS) if self.finished else None
        if found is not None and not is_errors(found):
            raise InputError(f"{path} is damaged: its {ERRORS} is none: {GOOD_COPY}")
        return found

    def check_own(self, names: Iterable[str] = KNOWN, place: str | None = None) -> None:
        """Refuse an own FILE.py:NAME, of some names, whose file is not what the run began with.

        `place` is where it is now.
        """
        values = read_json(self.folder / CONFIG)
        for name in names:
            reference = values["config"][name]
            if is_reference(reference) and place is not None:
                reference = place
            if is_reference(reference) and checksum(reference) != values.get(CHECKSUM.format(name)):
                raise InputError(
                    f"the file of {reference} has changed since {self.folder} was begun: "
                    "put the old one back, or train anew"
                )

    def metrics(self) -> list[dict[str, Any]]:
        """What was recorded of each epoch; empty before the first.

        What a killed writer has left of a line is no record.
        """
        path = self.folder / METRICS
        if not path.exists():
            return []
        mend = "remove it: only the record of the epochs is lost"
        *lines, rest = read_bytes(path).split(b"\n")
        with reading(path, ValueError, RecursionError, mend=mend):
            records = [json.loads(line) for line in lines]
        with suppress(ValueError, RecursionError):
            if is_epoch(record := json.loads(rest)):
                records.append(record)
        for number, record in enumerate(records, start=1):
            if not is_epoch(record):
                raise InputError(f"{path} is damaged: line {number} is no epoch's record: {mend}")
        return records

    @property
    def finished(self) -> bool:
        """Whether the trained model is stored."""
        return (self.folder / MODEL).exists()

    def is_whole(self) -> bool:
        """Whether the trained model is stored, and can be read."""
        try:
            return self.finished and bool(read_tensors(self.folder / MODEL, GOOD_COPY))
        except FFNPError:
            return False

    def model(self, backend: Backend, last: bool = False, own: Own = NOTHING) -> Model:
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
        return self._stored(path, backend, f"remove it, and {again} makes it again", own)

    def snapshots(self) -> dict[int, Path]:
        """The files of the snapshots that are kept, by epochs done, the earliest first."""
        paths = {path.stem.partition("-")[2]: path for path in self.folder.glob("snapshot-*.*")}
        return {int(name): paths[name] for name in sorted(paths) if name.isdecimal()}

    def snapshot(self, path: Path, backend: Backend) -> Model:
        """The model of one of the `snapshots`, on a backend; `InputError` if it is damaged."""
        return self._stored(path, backend, "remove it: only this snapshot is lost")

    def _stored(self, path: Path, backend: Backend, mend: str, own: Own = NOTHING) -> Model:
        """The model of a file of weights; `mend` ends what is said if it is damaged."""
        tensors, values = read_tensors(path, mend)
        damaged = f"{path} is damaged: it does not describe its model: {mend}"
        try:
            config = Config.from_dict(values["config"])
            data = DataDescription.from_dict(values["data"])
            if _missing(values["config"]):
                raise InputError(damaged)
            if (self.folder / CONFIG).exists():
                with suppress(FFNPError):  # it says where the data are now, and only that
                    now = self.config()
                    config = replace(config, dataset=now.dataset, data_dir=now.data_dir)
        except GoneError as error:
            raise InputError(f"{path}: {error}") from error
        except (KeyError, TypeError, InputError) as error:
            raise InputError(damaged) from error
        own.check(config)
        try:
            Model.check_claims(config, data, tensors)
            model = Model.create(config, data, backend, own)
            for name, weights in model.weights().items():
                if name in tensors and tensors[name].dtype != weights.dtype:
                    raise InputError(f"tensor '{name}' is {tensors[name].dtype}")
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

    def read_state(self, trainer: Trainer, best: Best | None = None) -> dict[str, Any]:
        """Put a trainer, and the best epoch, where the run was last saved.

        Gives back the caller's values.

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
        saved = Config.completed(saved) if isinstance(saved, dict) else {}
        if set(saved) != set(config):
            raise InputError(f"{path} was written by another version of ffnp: train anew")
        other = sorted(name for name in set(config) - ELSEWHERE if saved[name] != config[name])
        if other:
            was = brief(", ".join(f"{name} {brief(saved[name])}" for name in other))
            raise InputError(
                f"{path} was trained with another {', '.join(other)} than {self.folder / CONFIG} "
                f"says (it was {was}): restore that file, or train anew with --config"
            )
        data = trainer.model.data
        try:
            trained = DataDescription.from_dict(values.get("data"))
            same = trained == data and trained.digest in (None, data.digest)
            same = same and trained.names in ((), data.names)
            if same:
                trainer.load_state(tensors, values)
                if best is not None:
                    best.load_state(tensors, values, trainer)
            extra: dict[str, Any] = values.get("extra", {})
            if not is_extra(extra):
                raise InputError("it does not say how it was trained")
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}: {mend}") from error
        if not same:
            raise InputError(
                f"{path} was trained on other data: give the run's own data set, with the same "
                "images and labels in the same order, or train anew"
            )
        if trained.digest is None and not self.finished:
            text = (
                f"{path} does not say what it was trained on, since an earlier ffnp wrote it: "
                "nobody can check that the data are the same"
            )
            warnings.warn(text, InputWarning, stacklevel=2)
        return extra


@dataclass(frozen=True)
class OpenRun(Run):
    """The folder of a run while this process alone writes in it."""

    place: Place

    def check_name(self) -> None:
        """Raise `InputError` if what was read by the folder's name may be another one's."""
        if not self.place.leads_here(self.folder):
            raise InputError(f"{self.folder} was renamed meanwhile: give its name now")

    def kept(self) -> Run:
        """The run by the name that its folder has now."""
        return Run(self.place.name)

    def remember(self, config: Config) -> None:
        """Note in its configuration where a run's data are now, if they have moved."""
        stored = read_json(self.folder / CONFIG)
        now = {name: getattr(config, name) for name in DATA}
        if stored["config"] != stored["config"] | now:
            stored["config"] |= now
            self.place.write(CONFIG, _text(stored))

    def remember_errors(self, errors: dict[str, Any]) -> None:
        """Note the trained model's errors in its configuration's file, unless they are there."""
        stored = read_json(self.kept().folder / CONFIG)
        if ERRORS not in stored:
            self.place.write(CONFIG, _text(stored | {ERRORS: errors}))

    def keep_metrics(self, epochs: int, done: int) -> list[dict[str, Any]]:
        """Reduce the record to what belongs to the first `done` epochs, and give it back.

        `epochs` is the number of a phase's. The others were recorded later than the state was
        saved, and are trained again.
        """
        records = [r for r in self.metrics() if (r["phase"] - 1) * epochs + r["epoch"] <= done]
        content = b"".join(map(_line, records))
        if (self.folder / METRICS).exists() and content != read_bytes(self.folder / METRICS):
            self.place.write(METRICS, content)
        return records

    def record(self, epoch: dict[str, Any]) -> None:
        """Add what is recorded of an epoch: a line."""
        self.place.append(METRICS, _line(epoch))

    def write_state(
        self, trainer: Trainer, extra: dict[str, Any], best: Best | None = None
    ) -> None:
        """Store all that `resume` needs, with plain values of the caller's."""
        tensors, values = trainer.state()
        if best is not None:
            best_tensors, best_values = best.state()
            tensors, values = tensors | best_tensors, values | best_values
        values |= _described(trainer.model) | {"extra": extra}
        self.place.flush(METRICS)  # epochs that the state counts as done are on the record
        self.place.write(STATE, packed(tensors, values))

    def write_model(self, model: Model) -> None:
        """Store the trained model."""
        self.place.write(MODEL, packed(model.weights(), _described(model)))

    def write_snapshot(self, model: Model, epochs: int) -> None:
        """Store the weights as they are after so many epochs, over all phases."""
        self.place.write(SNAPSHOT.format(epochs), packed(model.weights(), _described(model)))


@contextmanager
def _going_on(place: Place) -> Iterator[None]:
    """An interrupt says how to go on."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"continue with `ffnp train --resume {place.name}`")
        raise


def _described(model: Model) -> dict[str, Any]:
    return {"config": model.config.to_dict(), "data": model.data.to_dict()}


def _missing(stored: dict[str, Any]) -> list[str]:
    """What a stored configuration does not say, but should."""
    names = {each.name for each in fields(Config)}
    return sorted(names - set(Config.completed(stored)))


def _text(values: dict[str, Any]) -> bytes:
    return json.dumps(values, indent=2).encode() + b"\n"


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _make(folder: Path, config: Config) -> Place | None:
    """Make a run's folder with its configuration, whole and locked.

    None if another process was faster.
    """
    from importlib.metadata import version  # here: with it comes all that reads e-mail

    missing = [parent for parent in folder.parents if not parent.exists()]
    values = {"ffnp": version("ffnp"), "config": config.to_dict()}
    for name in KNOWN:
        if is_reference(reference := getattr(config, name)):
            values[CHECKSUM.format(name)] = checksum(reference)
    # A folder of its own name holds its configuration, and is locked, at any moment.
    whole = partial(folder)
    place = None
    try:
        with writing(folder):
            whole.mkdir(parents=True)
            place = Place(whole)
            place.write(CONFIG, _text(values))
            place.lock(CONFIG)
            rename(whole, folder)
    except BaseException as error:
        if place is not None:
            place.close()
        shutil.rmtree(whole, ignore_errors=True)
        with suppress(OSError):
            for made in missing:
                made.rmdir()
        # Of `rename`: which of them depends on the file system.
        if getattr(error.__cause__, "errno", None) in (errno.ENOTEMPTY, errno.EEXIST):
            return None
        raise
    place.folder = folder
    return place


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
