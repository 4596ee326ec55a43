"""Runs side by side: what was trained, and how they differ."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ffnp.config import Config
from ffnp.errors import FFNPError, InputError, InputWarning, expect, importing
from ffnp.files import reading
from ffnp.runs.folder import CONFIG, Run

DEPTH = 3  # folders within folders that runs are looked for in
COLUMNS = ("dataset", "method", "epochs")  # that every list of runs has


@dataclass(frozen=True)
class Entry:
    """A run in a list.

    Attributes
    ----------
    name : str
        Of its folder, within the folder that was listed.
    run : Run
    config : Config
    finished : bool
    epochs : int
        Done, over all phases.
    seconds : float or None
        Spent in training; None before the first epoch.
    pair_error : float or None
        Of the last epoch, in %.
    test_error : dict or None
        `all`, `layers` and `groups`, in %, of the trained model on its test rows, or on its
        validation rows; None where the training is not finished, or nobody has measured them.
    """

    name: str
    run: Run
    config: Config
    finished: bool
    epochs: int
    seconds: float | None
    pair_error: float | None
    test_error: dict[str, Any] | None

    @classmethod
    def of(cls, name: str, run: Run) -> "Entry":
        """What a run's folder says of it; `InputError` if it is damaged."""
        config, metrics, finished = run.config(), run.metrics(), run.finished
        last = metrics[-1] if metrics else {}
        errors = run.test_error()
        if errors is None and finished:  # of an earlier ffnp, if the last epoch's were recorded
            errors = last.get("test_error")
        pairs = last.get("pair_error", last.get("train_error"))  # the latter of ffnp 0.1
        return cls(name, run, config, finished, len(metrics), last.get("seconds"), pairs, errors)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "run_dir": str(self.run.folder),
            "finished": self.finished,
            "epochs_done": self.epochs,
            "evaluated": self.config.evaluated,
            "test_error": self.test_error,
            "pair_error": self.pair_error,
            "train_seconds": self.seconds,
            "config": self.config.to_dict(),
        }


def runs_in(folder: Path) -> Iterator[Path]:
    """The folders of runs within a folder, or itself, by name; `DEPTH` folders down."""
    with reading(folder):
        alone, there = (folder / CONFIG).is_file(), folder.is_dir()
    if alone:
        yield folder
        return
    if not there:
        raise InputError(f"{folder}: no such folder: give one that holds runs")
    for place, names, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        if CONFIG in files and depth:
            yield Path(place)
        deeper = CONFIG not in files and depth < DEPTH
        names[:] = sorted(each for each in names if not each.startswith(".")) if deeper else []


def list_runs(folder: Path | str) -> list[Entry]:
    """The runs in a folder and in folders within it, by name.

    Parameters
    ----------
    folder : Path or str

    Raises
    ------
    InputError
        There is no such folder.

    Warns
    -----
    InputWarning
        A run is damaged: it is left out.
    """
    expect("the folder", folder, str | Path, "give the name of one that holds runs")
    folder, found = Path(folder), []
    for path in runs_in(folder):
        name = str(path.relative_to(folder)) if path != folder else path.name
        try:
            with reading(path):
                found.append(Entry.of(name, Run(path)))
        except FFNPError as error:
            warnings.warn(f"{error}: the run is left out", InputWarning, stacklevel=2)
    return found


def differing(configs: Sequence[Config], without: Iterable[str] = ()) -> list[str]:
    """Names of the fields in which configurations differ, of those that decide a result.

    A field that has no effect on some of the trainings differs only among the others.
    """
    choices = [config.choices() for config in configs]
    names = [each.name for each in fields(Config) if each.name not in without]
    return [
        name for name in names if len({values[name] for values in choices if name in values}) > 1
    ]


def described(config: Config, names: Iterable[str]) -> str:
    """The values of some fields, without those that are left open or have no effect."""
    choices = config.choices() | {"dataset": data_name(config)}
    return ", ".join(
        f"{name} {_written(choices[name])}" for name in names if choices.get(name) is not None
    )


def _written(value: Any) -> str:
    """As on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def data_name(config: Config) -> str:
    """A data set's name, or that of its file or folder."""
    return Path(config.dataset).name or config.dataset


def runs_frame(folder: Path | str = "runs") -> Any:
    """The runs in a folder as a pandas frame, a row each.

    Parameters
    ----------
    folder : Path or str
        As `list_runs` takes it.

    Returns
    -------
    pandas.DataFrame
        Indexed by the runs' names: `run_dir`, `finished`, `epochs_done`, `error` (of the vote, in
        %, on the rows that `evaluated` names), `error_layer1`, ... and `error_group1`, ... (of
        layers alone, and of the first ones together), `pair_error`, `train_seconds`, and every
        field of the configuration. What is not known is NaN or None.

    Raises
    ------
    InputError
        There is no such folder, or pandas is not installed (extra `table`).
    """
    with importing("pandas", "pandas", "table"):
        import pandas
    rows = []
    for entry in list_runs(folder):
        values = entry.to_dict()
        errors, config = values.pop("test_error") or {}, values.pop("config")
        columns = {"error": errors.get("all")}
        for kind in ("layer", "group"):
            for i, error in enumerate(errors.get(f"{kind}s", ()), start=1):
                columns[f"error_{kind}{i}"] = error
        rows.append(values | columns | config | {"hidden": ",".join(map(str, config["hidden"]))})
    # without rows, the columns that every run has
    frame = pandas.DataFrame(rows, columns=None if rows else ["name", "run_dir", "error"])
    return frame.set_index("name")
