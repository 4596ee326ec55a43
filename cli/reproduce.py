"""`ffnp reproduce`: the paper's tables and figures."""

import sys
from json import dumps
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from ffnp.backends.selection import make_backend
from ffnp.errors import InputError
from ffnp.files import write_atomically
from ffnp.plotting import drawing, save
from ffnp.reproduction import TARGETS, Task, expand, run_tasks, stop_file
from ffnp.reproduction.experiments import DATASETS, PROTOCOLS, ROWS
from ffnp.reproduction.figures import FIGURES
from ffnp.reproduction.running import data_titles, finished
from ffnp.reproduction.tables import caption, cells, comma_separated, markdown
from ffnp.runs.experiment import load_data

from .options import Location, config_option
from .plain import Plain
from .progress import on_signals


class Note(click.ParamType):  # type: ignore[type-arg]
    """DATASET=TEXT; several in an environment variable are separated by semicolons."""

    name = "note"
    envvar_list_splitter = ";"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The data set and its text."""
        dataset, _, text = value.partition("=")
        if dataset not in DATASETS or not text:
            self.fail(f"write DATASET=TEXT, DATASET one of {', '.join(DATASETS)}", param, ctx)
        if any("\ud800" <= c <= "\udfff" for c in text):  # no UTF-8
            self.fail(f"{text!r} is not UTF-8: write letters", param, ctx)
        return dataset, text


def _names(_: click.Context, __: click.Parameter, text: str | None) -> list[str]:
    names = [] if text is None else list(dict.fromkeys(text.split(",")))
    if "" in names:
        raise click.BadParameter(f"'{text}' has an empty name: write NAME,NAME, or leave it out")
    return names


def _notes(
    _: click.Context, __: click.Parameter, given: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    notes: dict[str, str] = {}
    for dataset, text in given:
        if dataset in notes:
            raise click.BadParameter(f"'{dataset}' is there twice: leave out one")
        notes[dataset] = text
    return notes


@click.command(cls=Plain)
@click.argument("target", type=click.Choice(list(TARGETS)))
@click.option(
    "--datasets", callback=_names, metavar="NAME,...",
    help=f"Of {', '.join(DATASETS)}.  [default: the target's]",
)  # fmt: skip
@click.option(
    "--methods", callback=_names, metavar="NAME,...",
    help=f"Of {', '.join(ROWS)}.  [default: the target's]",
)  # fmt: skip
@click.option("--seeds", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option(
    "--protocol", type=click.Choice(list(PROTOCOLS)), default="paper", show_default=True,
    help="paper: 150 epochs at a constant rate. literal: with the negative step of its text. "
    "fast: 40, linear. All: images of length 3.",
)  # fmt: skip
@click.option("--epochs", type=int, help="Instead of the protocol's.")
@click.option("--input-length", type=float, help="Instead of the protocol's.")
@config_option("data_dir")
@config_option("backend")
@config_option("hidden")
@config_option("limit_train")
@config_option("limit_test")
@config_option("validation")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True,
    help="Processes side by side.",
)  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="Send the runs to this Dask cluster.")
@click.option(
    "--slurm", metavar="PARTITION", help="Make each run a job of this partition of Slurm."
)
@click.option(
    "--note", multiple=True, type=Note(), callback=_notes, metavar="DATASET=TEXT",
    help="Call a data set so in tables and figures, e.g. 'cifar10=CIFAR-10 (JPEG copy)'.  "
    "[default: its name, and whether the files are the published ones]",
)  # fmt: skip
@click.option(
    "--no-train", is_flag=True,
    help="Write the table or figure of the runs that are finished, the others marked missing.",
)  # fmt: skip
@click.option("--out", type=Location(), default=Path("reproduction"), show_default=True)
def reproduce(
    target: str,
    datasets: list[str],
    methods: list[str],
    seeds: int,
    protocol: str,
    jobs: int,
    scheduler: str | None,
    slurm: str | None,
    note: dict[str, str],
    no_train: bool,
    out: Path,
    data_dir: str | None,
    **options: Any,
) -> None:
    """Run what TARGET needs and write its table or figure.

    Finished runs are not repeated, and stopped ones go on: type the same command again.

    \b
    Example:
      ffnp reproduce table1 --protocol fast --seeds 3 --datasets mnist --jobs 2
      ffnp reproduce table1 --protocol fast --seeds 3 --datasets mnist --no-train
    """
    if scheduler is not None and slurm is not None:
        raise click.UsageError("--scheduler and --slurm exclude each other: leave one out")
    if target in FIGURES:
        # that nothing can draw is known before anything is trained
        click.get_current_context().with_resource(drawing())
    for name in ("epochs", "input_length"):
        if options[name] is None:
            del options[name]  # the protocol's
    options["data_dir"] = data_dir and str(Path(data_dir).absolute())  # the same to every process
    tasks = expand(target, protocol, options, datasets, methods, seeds)
    kept = [task for task in tasks if finished(out, task) is not None]
    if no_train and not kept:
        raise InputError(f"{out} holds no finished run of this {target}: leave out --no-train")
    if not no_train and scheduler is None and slurm is None:
        make_backend(tasks[0].config.backend)  # what is not here is known before any run begins
        waiting = {task.config.dataset: task.config for task in tasks if task not in kept}
        for config in waiting.values():
            load_data(config)
    try:
        if not no_train:
            _run(tasks, kept, out, jobs, scheduler, slurm)
    finally:  # a table of what there is
        _write(target, tasks, out, note)


def _run(
    tasks: list[Task],
    kept: list[Task],
    out: Path,
    jobs: int,
    scheduler: str | None,
    slurm: str | None,
) -> None:
    stop = stop_file(out)
    bar = tqdm(desc="runs", total=len(tasks), initial=len(kept), unit="run", disable=None)

    def done(task: Task) -> None:
        if task not in kept:
            bar.set_postfix_str(task.name, refresh=False)
            bar.update()

    def failed(task: Task, reason: str) -> None:
        bar.write(f"{task.name} failed: {reason}", file=sys.stderr)
        bar.update()

    with bar, on_signals(stop.ask):
        run_tasks(tasks, out, jobs, scheduler, done, failed, stop, slurm)


def _write(target: str, tasks: list[Task], out: Path, names: dict[str, str]) -> None:
    every = [(task, finished(out, task)) for task in tasks]
    results = [(task, found) for task, found in every if found is not None]
    if not results:
        return
    titles = data_titles(every) | names
    table = cells(every)
    split = tasks[0].config.evaluated
    text = caption(tasks, table) + "\n" + markdown(table, titles, split)
    entries = [r | {"row": t.row, "data": titles[t.config.dataset]} for t, r in results]
    paths = [out / f"{target}{suffix}" for suffix in (".json", ".md", ".csv")]
    contents = (dumps(entries, indent=1) + "\n", text, comma_separated(table, titles))
    for path, content in zip(paths, contents, strict=True):
        write_atomically(path, content.encode())
    if target in FIGURES:
        figure = FIGURES[target](results, titles)
        figures = [out / f"{target}{suffix}" for suffix in (".svg", ".png")]
        for path in figures:
            save(figure, path)
        paths += figures
    click.echo(text)
    click.echo("written: " + ", ".join(map(str, paths)))
