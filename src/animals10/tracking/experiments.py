"""A table of DVC's experiments, with the differences from the last commit."""

from typing import Any, NamedTuple

from animals10 import files
from animals10.errors import UserError
from animals10.evaluation import tables
from animals10.files import MODELS
from animals10.tracking import provenance

_WIDTH = 120


class Experiment(NamedTuple):
    """A row of `dvc exp show`; an accuracy is None while there is none of this experiment's own."""

    name: str
    params: dict[str, Any]
    accuracies: list[float | None]
    identity: dict[str, str]  # of `provenance.identity`


def collect(known: dict[str, Any]) -> list[Experiment]:
    """List the workspace, the last commit, and the experiments that began with it.

    Args:
        known: content of params.yaml, whose keys tell parameters from metrics and dependencies.

    Raises:
        UserError: DVC cannot list them, say where there is no git repository.
    """
    from dvc.api import exp_show  # it takes a second
    from dvc.exceptions import DvcException

    provenance.git("rev-parse", "--git-dir")  # its error says more than DVC's
    try:
        rows = exp_show()
    except DvcException as error:
        raise UserError(f"DVC cannot list experiments: {error.__cause__ or error}") from None
    return [_experiment(row, known) for row in rows]


def _experiment(row: dict[str, Any], known: dict[str, Any]) -> Experiment:
    revision = row["rev"] if row["rev"] != "workspace" else ""
    lock = files.read_lock(provenance.read(revision, "dvc.lock") or "stages: {}")
    # After a run of some stages alone, the metrics are still those of an earlier run.
    current = "evaluate" in lock["stages"] and "evaluate" not in provenance.outdated(lock)
    values = [row.get(key) if current else None for key in tables.ACCURACIES]
    return Experiment(
        row["Experiment"] or row["rev"],
        {key: row[key] for key in row if key.partition(".")[0] in known},
        [value if isinstance(value, float) else None for value in values],
        provenance.identity(lock),
    )


def table(experiments: list[Experiment]) -> str:
    """Lay out experiments, with their differences from the last commit, in 120 columns.

    Args:
        experiments: as `collect` returns them, the workspace and the last commit first.

    Returns:
        A line for each, and one for each parameter that it changes, and for other data or code.
    """
    baseline = experiments[1] if len(experiments) > 1 else experiments[0]
    width = min(max(len(each.name) for each in experiments), 30)
    lines = [f"{'':{width}}" + "".join(f"   {model:27}" for model in MODELS.values())]
    lines.append(f"{'experiment':{width}}" + f"   {'validation':12}   {'test':12}" * len(MODELS))
    for each in experiments:
        pairs = zip(each.accuracies, baseline.accuracies, strict=True)
        compared = [_cell(value, None if each is baseline else base) for value, base in pairs]
        lines.append(f"{each.name:{width}.{width}}" + "".join(f"   {cell:12}" for cell in compared))
        lines.extend(_changes(each, baseline))
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: float | None, baseline: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if baseline is None else f" {value - baseline:+.3f}")


def _changes(each: Experiment, baseline: Experiment) -> list[str]:
    params, then = each.params, baseline.params
    lines = [
        f"  {key} = {_text(params.get(key))} (was {_text(then.get(key))})"[:_WIDTH]
        for key in sorted(params | then)
        if params.get(key) != then.get(key)
    ]
    facts = {"data": "other photos, or another split", "code": "other code"}
    return lines + [
        f"  {text}" for key, text in facts.items() if each.identity[key] != baseline.identity[key]
    ]


def _text(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
