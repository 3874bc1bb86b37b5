"""The accuracies of DVC's experiments: what `dvc exp show` lists, and a table of the differences.

The names are short since `dvc exp show` has a column for each, and the changed parameter must fit
beside six of them into a terminal of 120 columns.
"""

from typing import Any, NamedTuple

from animals10.errors import UserError

_MODELS = {"cnn": "cnn", "frozen": "frozen", "finetuned": "tuned"}
_SPLITS = {"validation": "val", "test": "test"}
_COLUMNS = [f"{model}.{split}" for model in _MODELS.values() for split in _SPLITS.values()]
_WIDTH = 120


class Experiment(NamedTuple):
    """A row of `dvc exp show`; a value is None where the experiment has none, say while queued."""

    name: str
    params: dict[str, Any]
    accuracies: list[float | None]


def accuracies(scores: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the content of metrics/accuracy.json from that of metrics/evaluate.json."""
    return {
        short: {key: scores[model][split]["accuracy"] for split, key in _SPLITS.items()}
        for model, short in _MODELS.items()
    }


def collect(known: dict[str, Any]) -> list[Experiment]:
    """List the workspace, the last commit, and the experiments that began with it.

    Args:
        known: content of params.yaml, whose keys tell parameters from metrics and dependencies.

    Raises:
        UserError: DVC cannot list them, say where there is no git repository.
    """
    from dvc.api import exp_show  # it takes a second
    from dvc.exceptions import DvcException

    try:
        rows = exp_show()
    except DvcException as error:
        raise UserError(f"DVC cannot list experiments: {error.__cause__ or error}") from None
    return [
        Experiment(
            row["Experiment"] or row["rev"],
            {key: row[key] for key in row if key.partition(".")[0] in known},
            [row[key] if isinstance(row.get(key), float) else None for key in _COLUMNS],
        )
        for row in rows
    ]


def table(experiments: list[Experiment]) -> str:
    """Lay out experiments, with their differences from the last commit, in 120 columns.

    Args:
        experiments: as `collect` returns them, the workspace and the last commit first.

    Returns:
        A line for each, and one for each parameter that it changes.
    """
    baseline = experiments[1] if len(experiments) > 1 else experiments[0]
    width = min(max(len(each.name) for each in experiments), 30)
    lines = [f"{'':{width}}" + "".join(f"   {model:27}" for model in _MODELS)]
    lines.append(f"{'experiment':{width}}" + f"   {'validation':12}   {'test':12}" * len(_MODELS))
    for each in experiments:
        pairs = zip(each.accuracies, baseline.accuracies, strict=True)
        compared = [_cell(value, None if each is baseline else base) for value, base in pairs]
        lines.append(f"{each.name:{width}.{width}}" + "".join(f"   {cell:12}" for cell in compared))
        lines.extend(_changes(each.params, baseline.params))
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: float | None, baseline: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if baseline is None else f" {value - baseline:+.3f}")


def _changes(params: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    return [
        f"  {key} = {_text(params.get(key))} (was {_text(baseline.get(key))})"[:_WIDTH]
        for key in sorted(params | baseline)
        if params.get(key) != baseline.get(key)
    ]


def _text(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
