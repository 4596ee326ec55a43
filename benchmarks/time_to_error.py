"""Seconds of training to a test error: ffnp beside what one would pick instead.

    pip install torch torchvision && pip install --no-deps fflib      # only for this
    python benchmarks/time_to_error.py --json seconds.json --figure seconds.svg
    python benchmarks/time_to_error.py --from seconds.json            # tables, no training

A contender is RECIPE/BACKEND (`ff` is ffnp without a recipe, `--method ff`), one of PyTorch's
(`benchmarks/rivals.py`) or fflib. Where its learning rate falls over the whole training, each
planned number of epochs is trained, and the quickest counts at each error.

Seconds are of training alone: neither compiling, nor the test error, which is taken every quarter
of an epoch at first, then every epoch. All contenders of a seed are in one process; whoever has
trained least is the next to go on, so that a machine's moods meet them all. What the JSON holds
already is not trained again.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np

import ffnp
from ffnp.backends.selection import make_backend
from ffnp.bench import Shapes, machine, validate
from ffnp.bench.measuring import PAUSE, SETTLING
from ffnp.model import DataDescription, Model
from ffnp.plotting import check_suffix, drawing, new_figure, save, styles
from ffnp.training.trainer import Trainer

ERRORS = {  # in %, that are asked for
    "mnist": (5.0, 3.0, 2.0, 1.5, 1.3),
    "fashion-mnist": (12.0, 11.0, 10.0, 9.5),
    "cifar10": (50.0, 46.0, 44.0, 42.5),
}
PLAIN = "ff"
OFTEN = 2  # epochs in which the error is taken four times
FEW = 2000  # images that are learned from and predicted to compile what there is
NEVER = float("inf")
SMALL = Shapes(pixels=30, batch=10, hidden=(20, 12, 8))  # that results are compared on

# --- contenders -----------------------------------------------------------------------------------


class Recipe:
    """A training by ffnp; like `rivals.Learner`."""

    def __init__(self, config: ffnp.Config, dataset: Any, rows: int) -> None:
        model = Model.create(
            config, DataDescription.of(dataset, config), make_backend(config.backend)
        )
        self.model = model
        trainer = Trainer(model, dataset.train.first(rows))
        self.batches, self._steps = trainer.batches * trainer.phases, trainer.run()

    def train(self, batches: int) -> None:
        """Go on for so many batches."""
        for _ in islice(self._steps, batches):
            pass

    def predict(self, images: Any) -> Any:
        """(N,) labels of images as stored."""
        return ffnp.predict(self.model, images)


@dataclass(frozen=True)
class Contender:
    """Who trains, by a name; `make(rows, seed, epochs)` begins a training."""

    name: str
    make: Callable[[int, int, int], Any]
    validate: Callable[[], None]
    falls: bool  # the learning rate does, with the epochs that are planned
    ours: bool  # Forward-Forward by ffnp


def recipes(dataset: Any) -> Iterator[Contender]:
    """Every recipe, and the plain training, on both backends."""
    for recipe in [PLAIN, *ffnp.recipes.recipe_names()]:
        options = {"method": "ff"} if recipe == PLAIN else ffnp.recipe(recipe)
        for backend in ("numpy", "numba"):
            config = options | {"dataset": dataset.name, "backend": backend}
            about = ffnp.Config(**config)

            def make(rows: int, seed: int, epochs: int, config: Any = config) -> Recipe:
                return Recipe(
                    ffnp.Config(**config | {"seed": seed, "epochs": epochs}), dataset, rows
                )

            def check(backend: str = backend) -> None:
                validate(make_backend(backend), SMALL, np.dtype(np.float32))

            yield Contender(
                f"{recipe}/{backend}", make, check, about.lr_schedule != "constant",
                not about.is_baseline,
            )  # fmt: skip


def others(dataset: Any) -> Iterator[Contender]:
    """Those of PyTorch, if it is installed."""
    try:
        import rivals
    except ImportError:
        click.echo("torch/*: not measured: pip install torch", err=True)
        return
    data = cache(lambda: rivals.Images(dataset))
    for name, kind in rivals.RIVALS.items():

        def make(rows: int, seed: int, epochs: int, kind: Any = kind) -> Any:
            return kind(data(), rows, seed, epochs)

        def check(kind: Any = kind) -> None:
            kind.validate(SMALL)

        yield Contender(name, make, check, kind.falls, False)


# --- training -------------------------------------------------------------------------------------


@dataclass
class Run:
    """One training, planned for so many epochs, and its errors.

    `points` are (epochs, seconds, error in %), one each time that the error was taken.
    """

    data: str
    contender: str
    ours: bool
    falls: bool
    epochs: int
    seed: int
    warm_up: float | None = None  # seconds
    points: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells one run from another."""
        return self.data, self.contender, self.epochs, self.seed

    @property
    def seconds(self) -> float:
        """Of training."""
        return self.points[-1][1] if self.points else 0.0

    def ended(self, lowest: float, cap: float) -> bool:
        """Whether nothing more is to be learned of it."""
        if not self.points:
            return False
        return (
            min(error for *_, error in self.points) <= lowest
            or self.seconds >= cap
            or self.points[-1][0] >= self.epochs
        )

    def until(self, error: float) -> float:
        """Seconds until the error was first as low."""
        return next((seconds for _, seconds, each in self.points if each <= error), NEVER)


class Training:
    """A run under way, by a learner that has not begun."""

    def __init__(self, learner: Any, run: Run, test: Any) -> None:
        self.run, self._learner, self._test, self._done = run, learner, test, 0

    def go_on(self) -> None:
        """Train to where the error is taken next, and take it."""
        batches = self._learner.batches
        quarters = 4 * self._done // batches + 1
        stop = -(-quarters * batches // 4) if quarters <= 4 * OFTEN else self._done + batches
        self._settle()
        start = time.perf_counter()
        self._learner.train(stop - self._done)
        seconds = self.run.seconds + time.perf_counter() - start
        self._done = stop
        predicted = self._learner.predict(self._test.images)
        self.run.points.append((stop / batches, seconds, error_of(predicted, self._test.labels)))

    def _settle(self) -> None:
        """Wait for the threads of whoever was on before, and wake its own: see `in_turn`."""
        time.sleep(PAUSE)
        settled = time.perf_counter() + SETTLING
        while time.perf_counter() < settled:
            self._learner.predict(self._test.images[:200])


def error_of(predicted: Any, labels: Any) -> float:
    """In %; the same for all contenders."""
    return 100 * float(np.mean(predicted != labels))


def in_turn(trainings: Iterable[Training], lowest: float, cap: float) -> Iterator[Run]:
    """Train all, always the one that has trained least; each run when it has ended."""
    going = list(trainings)
    while going:
        least = min(going, key=lambda training: training.run.seconds)
        least.go_on()
        if least.run.ended(lowest, cap):
            going.remove(least)
            yield least.run


def warm_up(contender: Contender, dataset: Any) -> float | None:
    """Compile what there is, then validate: seconds that the former took; None if it cannot run."""
    start = time.perf_counter()
    try:
        learner = contender.make(min(FEW, len(dataset.train)), 0, 1)
        learner.train(learner.batches)
        learner.predict(dataset.test.images[:FEW])
        seconds = time.perf_counter() - start
        contender.validate()
    except AssertionError:
        raise
    except Exception as error:  # torch.compile and a library have many classes
        click.echo(f"{contender.name}: not measured: {str(error).splitlines()[0]}", err=True)
        return None
    return seconds


def measure(
    dataset: Any, data: str, chosen: Any, plans: Any, seeds: int, cap: float, found: Any
) -> Iterator[Run]:
    """The runs that are not found yet, each when it has ended."""
    contenders = [*recipes(dataset), *others(dataset)]
    lowest, ready = min(ERRORS[dataset.name]), {}
    todo = [
        (each, Run(data, each.name, each.ours, each.falls, epochs, seed))
        for seed in range(seeds)
        for each in contenders
        if any(fnmatch(each.name, pattern) for pattern in chosen)
        for epochs in (plans if each.falls else plans[-1:])
    ]
    held = {key for key, run in found.items() if run.ended(lowest, cap)}
    todo = [(each, run) for each, run in todo if run.key not in held]
    for each, run in todo:
        if each.name not in ready:
            ready[each.name] = warm_up(each, dataset)
        run.warm_up = ready[each.name]
    for seed in range(seeds):
        trainings = [
            Training(each.make(len(dataset.train), seed, run.epochs), run, dataset.test)
            for each, run in todo
            if run.seed == seed and run.warm_up is not None
        ]
        yield from in_turn(trainings, lowest, cap)


# --- what was found -------------------------------------------------------------------------------


@dataclass
class Row:
    """A contender's runs of one data set, by the epochs that were planned."""

    name: str
    ours: bool
    falls: bool
    plans: dict[int, list[Run]] = field(default_factory=dict)

    def until(self, error: float) -> tuple[float, int]:
        """Least seconds over the plans, medians over seeds, and that plan."""
        return min(
            (statistics.median(run.until(error) for run in runs), plan)
            for plan, runs in self.plans.items()
        )

    @property
    def spent(self) -> float:
        """Seconds of the plan that trained longest, a median over seeds."""
        return max(statistics.median(r.seconds for r in runs) for runs in self.plans.values())

    @property
    def warm_up(self) -> float:
        """In seconds; the most, if it was taken again."""
        return max(run.warm_up or 0 for runs in self.plans.values() for run in runs)

    @property
    def errors(self) -> list[float]:
        """All that were taken, the highest first."""
        runs = [run for runs in self.plans.values() for run in runs]
        return sorted({error for run in runs for *_, error in run.points}, reverse=True)

    def cell(self, error: float) -> str:
        """Seconds, with the plan if there are several."""
        seconds, plan = self.until(error)
        if seconds == NEVER:
            return "-"
        return f"{seconds:.3g} @{plan}" if self.falls else f"{seconds:.3g}"


def rows_of(runs: Iterable[Run], data: str) -> list[Row]:
    """The rows of a table: ours first."""
    rows: dict[str, Row] = {}
    for run in runs:
        if run.data == data:
            row = rows.setdefault(run.contender, Row(run.contender, run.ours, run.falls))
            row.plans.setdefault(run.epochs, []).append(run)
    return sorted(rows.values(), key=lambda row: (not row.ours, row.name))


def best_of(rows: list[Row], error: float) -> Row | None:
    """The quickest of ours to an error, if any comes to it."""
    ours = [row for row in rows if row.ours]
    best = min(ours, key=lambda row: row.until(error), default=None)
    return best if best and best.until(error)[0] < NEVER else None


def ratio(row: Row, best: Row | None, error: float) -> str:
    """How many times as long as our best one it takes; > if it never came so far."""
    if best is None:
        return "-"
    seconds, own = row.until(error)[0], best.until(error)[0]
    return f"{seconds / own:.2g}x" if seconds < NEVER else f">{row.spent / own:.2g}x"


def print_tables(runs: list[Run], data: str) -> None:
    """Seconds to each error; then how many times as long as ffnp's best the others take."""
    rows, errors = rows_of(runs, data), ERRORS[data.split(",")[0]]
    seeds = len({run.seed for run in runs if run.data == data})
    best = [best_of(rows, error) for error in errors]
    names = [each.name if each else "-" for each in best]
    wide = 2 + max(22, *(len(row.name) for row in rows))

    def line(name: str, cells: Iterable[str], width: int = 12) -> str:
        return f"{name:{wide}}" + "".join(f"{cell:>{width}}" for cell in cells)

    asked = [f"{error:g}%" for error in errors]
    click.echo(
        f"\n{data}: seconds to an error, median of {seeds} (@: epochs planned, the quickest)"
    )
    click.echo(line("", [*asked, "lowest %", "warm-up s"]))
    for row in rows:
        lowest, warm_up = f"{row.errors[-1]:.2f}", f"{row.warm_up:.1f}"
        click.echo(line(row.name, [*map(row.cell, errors), lowest, warm_up]))
    width = max(12, *(2 + len(name) for name in names))
    click.echo("\n" + line("ffnp is faster by", asked, width))
    click.echo(line("its best:", names, width))
    for row in rows:
        if not row.ours:
            pairs = zip(best, errors, strict=True)
            click.echo(line(row.name, [ratio(row, each, error) for each, error in pairs], width))


@drawing()
def draw(runs: list[Run], path: Path) -> None:
    """Each contender's seconds to every error, as in the table; a pair of axes a data set."""
    from matplotlib.ticker import NullLocator

    sets = list(dict.fromkeys(run.data for run in runs))
    names = dict.fromkeys(row.name for data in sets for row in rows_of(runs, data))
    look = dict(zip(names, styles(), strict=False))
    figure, axes = new_figure(len(sets), 1)
    figure.set_size_inches(8, 4 * len(sets))
    handles = {}
    for axis, data in zip(axes[:, 0], sets, strict=True):
        asked = ERRORS[data.split(",")[0]]
        highest = asked[0]
        for row in rows_of(runs, data):
            pairs = [(row.until(error)[0], error) for error in row.errors]
            line = [(seconds, error) for seconds, error in pairs if seconds < NEVER]
            if line:
                highest = max(highest, line[0][1])
                line.append((max(row.spent, line[-1][0]), line[-1][1]))
                (handles[row.name],) = axis.plot(
                    *zip(*line, strict=True), drawstyle="steps-post", **look[row.name],
                    markevery=max(1, len(line) // 6), markersize=4, lw=2 if row.ours else 1,
                )  # fmt: skip
        axis.set(
            xscale="log", yscale="log", xlabel="seconds of training", ylabel="test error, %",
            title=data, ylim=(0.96 * asked[-1], 1.05 * min(highest, 4 * asked[0])),
        )  # fmt: skip
        axis.set_yticks(asked, [f"{error:g}" for error in asked])
        axis.yaxis.set_minor_locator(NullLocator())
        axis.grid(alpha=0.3)
    figure.legend(
        handles.values(), handles, loc="outside right upper", fontsize=8, handlelength=3.5
    )
    save(figure, path)


# --- the command ----------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """Of what is compared, where it is installed."""
    found = {}
    for name in ("numba", "torch", "fflib"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def read(path: Path | None) -> tuple[dict[str, Any], dict[tuple[Any, ...], Run]]:
    """The machine, and the runs by their keys, of a file that need not be there."""
    if path is None or not path.exists():
        return {}, {}
    held = json.loads(path.read_text(encoding="utf-8"))
    runs = [Run(**run) for run in held["runs"]]
    return held["machine"], {run.key: run for run in runs}


def write(path: Path, about: dict[str, Any], found: dict[tuple[Any, ...], Run]) -> None:
    """As `read` reads it."""
    lines = ",\n".join(json.dumps(asdict(run)) for run in found.values())
    path.write_text(f'{{"machine": {json.dumps(about)},\n"runs": [\n{lines}\n]}}\n', "utf-8")


@click.command(help=__doc__)
@click.option(
    "--dataset", "names", type=click.Choice(list(ERRORS)), multiple=True, default=("mnist",),
    show_default=True,
)  # fmt: skip
@click.option("--data-dir", help="Where data sets are.")
@click.option(
    "--contender", "chosen", multiple=True, default=("*",), metavar="NAME",
    help="best/numba, 'best/*', 'torch/*', fflib.  [default: all]",
)  # fmt: skip
@click.option(
    "--epochs", "plans", multiple=True, type=click.IntRange(1), default=(10, 20, 40),
    show_default=True, help="Planned; where the rate does not fall, the most of them.",
)  # fmt: skip
@click.option("--seeds", default=3, show_default=True)
@click.option("--cap", default=300.0, show_default=True, help="Seconds of a training, at most.")
@click.option("--limit-train", type=click.IntRange(1), metavar="N", help="The first N rows.")
@click.option("--limit-test", type=click.IntRange(1), metavar="N", help="The first N rows.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Added to, if it exists.")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw into this .svg or .png.")
@click.option(
    "--from", "source", type=click.Path(path_type=Path, exists=True), help="Train nothing."
)
def main(
    names: tuple[str, ...],
    data_dir: str | None,
    chosen: tuple[str, ...],
    plans: tuple[int, ...],
    seeds: int,
    cap: float,
    limit_train: int | None,
    limit_test: int | None,
    path: Path | None,
    figure: Path | None,
    source: Path | None,
) -> None:
    """Validate, train in turn, print tables, draw."""
    if figure:
        check_suffix(figure)
    about, found = read(source or path)
    if not source:
        here = machine()
        if about and about["processor"] != here["processor"]:
            raise click.ClickException(f"{path} was measured on another machine: {about}")
        about = here | versions()
    click.echo("\n".join(f"{key}: {value}" for key, value in about.items()))
    for name in () if source else names:
        dataset = ffnp.load(name, data_dir)
        train, test = dataset.train.first(limit_train), dataset.test.first(limit_test)
        dataset = replace(dataset, train=train, test=test)
        data = f"{name}, {limit_train}+{limit_test}" if limit_train or limit_test else name
        for run in measure(dataset, data, chosen, sorted(set(plans)), seeds, cap, found):
            found[run.key] = run
            epochs, seconds, error = run.points[-1]
            click.echo(
                f"{run.data} {run.contender} @{run.epochs}, seed {run.seed}: "
                f"{error:.2f}% after {epochs:g} epochs, {seconds:.1f} s",
                err=True,
            )
            if path:
                write(path, about, found)
    runs = [run for run in found.values() if any(fnmatch(run.contender, each) for each in chosen)]
    for data in dict.fromkeys(run.data for run in runs):
        print_tables(runs, data)
    if figure and runs:
        draw(runs, figure)


if __name__ == "__main__":
    main()
