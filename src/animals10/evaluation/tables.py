"""The table at the end of a run: which model is better, and how large it is."""

from typing import Any

from animals10.files import MODELS

# In metrics/accuracy.json: short, since `dvc exp show` has a column for each, and the changed
# parameter must fit beside them into a terminal of 120 columns.
_MODELS = {"cnn": "cnn", "frozen": "frozen", "finetuned": "tuned"}
_SPLITS = {"validation": "val", "test": "test"}
ACCURACIES = [f"{model}.{split}" for model in _MODELS.values() for split in _SPLITS.values()]
BASELINES = ("majority", "neighbors", "logistic_regression")  # in metrics/baselines.json
_COLUMNS = ("validation accuracy", "validation macro F1", "test accuracy", "test macro F1")
_INTERVAL = "95 % interval"  # of test accuracy


def comparison(
    scores: dict[str, Any], report: dict[str, Any], simple: dict[str, Any] | None = None
) -> str:
    """Lay out the comparison of the models as Markdown, which README takes too.

    Args:
        scores: content of metrics/evaluate.json.
        report: content of metrics/report.json, which has the number of parameters of each model.
        simple: content of metrics/baselines.json.

    Returns:
        Lines of equal width, a row per model and simple classifier; below, where test photos have
        near-duplicates in other splits, a line of the accuracies without these.
    """
    rows = [["model", *_COLUMNS, _INTERVAL, "parameters"]]
    sizes = {model: f"{report[model]['parameters']:,}" for model in scores}
    compared = (simple or {}) | scores
    for model in filter(compared.get, (*BASELINES, *MODELS.values())):
        figures = [
            compared[model][split][metric]
            for split in ("validation", "test")
            for metric in ("accuracy", "macro_f1")
        ]
        bounds = interval(compared[model]["test"])
        cells = [*(f"{value:.3f}" for value in figures), bounds, sizes.get(model, "")]
        rows.append([model.replace("_", " "), *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:], *_without_duplicates(scores)])


def interval(scores: dict[str, float]) -> str:
    """Return the 95 % interval of an accuracy, as "0.935 to 0.991"."""
    return f"{scores['accuracy_low']:.3f} to {scores['accuracy_high']:.3f}"


def _without_duplicates(scores: dict[str, Any]) -> list[str]:
    accuracies = [
        f"{model} {of_split['test_without_duplicates']['accuracy']:.3f}"
        for model, of_split in scores.items()
        if "test_without_duplicates" in of_split
    ]
    line = f"test accuracy without near-duplicates of other splits: {', '.join(accuracies)}"
    return ["", line] if accuracies else []


def best(scores: dict[str, Any]) -> str:
    """Return the model with the highest validation accuracy, of equal ones that of lower loss.

    Args:
        scores: content of metrics/evaluate.json.
    """
    return by_validation(scores)[0]


def by_validation(scores: dict[str, Any]) -> list[str]:
    """Return the models, the best on validation first; see `best`."""
    of_split = {model: scores[model]["validation"] for model in scores}
    return sorted(scores, key=lambda model: (-of_split[model]["accuracy"], of_split[model]["loss"]))


def accuracies(scores: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the content of metrics/accuracy.json from that of metrics/evaluate.json."""
    return {
        short: {key: scores[model][split]["accuracy"] for split, key in _SPLITS.items()}
        for model, short in _MODELS.items()
    }
