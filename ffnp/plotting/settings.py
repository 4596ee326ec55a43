"""Results as figures take them: runs of one setting together, each with a name that tells it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from statistics import fmean
from typing import Any

from ffnp.config import FREE, Config

# `test_error`, `metrics` and `config`; `seeds`, the results of the runs, where they are several
Result = Mapping[str, Any]

LONGEST = 48  # characters of a name made of differences


def config_of(result: Result) -> Config:
    """Its configuration; of ffnp 0.1, too."""
    return Config.from_dict(result["config"])


def seeds_of(result: Result) -> Sequence[Result]:
    """The results of the runs of one setting."""
    found: Sequence[Result] = result.get("seeds", [result])
    return found


def settings(results: Mapping[str, Result]) -> dict[str, Result]:
    """Join runs that differ by their seed alone, and name each setting by what differs.

    A setting has the mean errors of its runs, which are its `seeds`. Where nothing differs that
    decides a result, or too much, settings keep the names of their runs.
    """
    groups: dict[tuple[Any, ...], dict[str, Result]] = {}
    for name, result in results.items():
        config = config_of(result)
        key = tuple(_value(config, each.name) for each in fields(Config) if _decides(each.name))
        same = groups.setdefault((key, "test_error" in result), {})
        if any(config.seed == config_of(other).seed for other in same.values()):
            same = groups.setdefault((key, name), {})
        same[name] = result
    found = {}
    for name, group in zip(_names(list(groups.values())), groups.values(), strict=True):
        seeds = list(group.values())
        found[name] = seeds[0] if len(seeds) == 1 else _mean(seeds)
    return found


def _decides(name: str) -> bool:
    return name not in (*FREE, "seed")


def _value(config: Config, name: str) -> Any:
    """A field's value; None where it has no effect."""
    return config.choices().get(name)


def _mean(seeds: Sequence[Result]) -> Result:
    result = {**seeds[0], "seeds": seeds}
    if "test_error" in result:
        errors = [each["test_error"] for each in seeds]
        result["test_error"] = {
            "all": fmean(each["all"] for each in errors),
            **{
                kind: [fmean(of) for of in zip(*(each[kind] for each in errors), strict=True)]
                for kind in ("layers", "groups")
            },
        }
    return result


def _names(groups: Sequence[Mapping[str, Result]]) -> Iterator[str]:
    configs = [config_of(next(iter(group.values()))) for group in groups]
    differ = []
    for name in filter(_decides, (each.name for each in fields(Config))):
        values = {_value(config, name) for config in configs}
        # Where some have no such field, the name of what has none says so.
        if len(values - {None}) > 1 or (name == "gamma" and len(values) > 1):
            differ.append(name)
    texts = [", ".join(_told(config, differ)) for config in configs]
    fit = len(set(texts)) == len(texts) and max(map(len, texts)) <= LONGEST
    for text, group in zip(texts, groups, strict=True):
        first, more = next(iter(group)), len(group) - 1
        name = text if fit and text else first
        yield f"{name} ({more + 1} seeds)" if more else name


def _told(config: Config, differ: Sequence[str]) -> Iterator[str]:
    """What differs of a configuration, said of this one."""
    for name in differ:
        value = _value(config, name)
        if value is None:
            continue
        if name == "dataset":
            yield Path(value).stem
        elif name in ("method", "objective"):
            yield Path(str(value)).name
        else:
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
            shown = f"{value:g}" if isinstance(value, float) else shown
            yield f"{name.replace('_', ' ')} {shown}"
