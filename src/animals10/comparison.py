"""The table at the end of a run: which model is better, and how large it is."""

from typing import Any

_COLUMNS = ("validation accuracy", "validation macro F1", "test accuracy", "test macro F1")


def table(scores: dict[str, Any], sizes: dict[str, int]) -> str:
    """Lay out the comparison of the models as Markdown, which README takes too.

    Args:
        scores: content of metrics/evaluate.json.
        sizes: number of parameters of each model.

    Returns:
        Lines of equal width, a row per model in the order of `sizes`; below, where test photos have
        near-duplicates in other splits, a line of the accuracies without these.
    """
    rows = [["model", *_COLUMNS, "parameters"]]
    for model, size in sizes.items():
        values = [
            scores[model][split][metric]
            for split in ("validation", "test")
            for metric in ("accuracy", "macro_f1")
        ]
        rows.append([model, *(f"{value:.3f}" for value in values), f"{size:,}"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:], *_unseen(scores)])


def _unseen(scores: dict[str, Any]) -> list[str]:
    accuracies = [
        f"{model} {of_split['test_without_duplicates']['accuracy']:.3f}"
        for model, of_split in scores.items()
        if "test_without_duplicates" in of_split
    ]
    told = f"test accuracy without near-duplicates of other splits: {', '.join(accuracies)}"
    return ["", told] if accuracies else []
