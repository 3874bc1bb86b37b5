"""The report: what the stages found, on one page, and in short for a pull request.

It holds only what the stage's dependencies decide, so that a rerun gives the same bytes.
"""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from animals10 import files
from animals10.data.scanning import kind_of_reason
from animals10.evaluation import curves, metrics, predictions, statistics, tables
from animals10.reporting import charts, mistakes, rendering
from animals10.reporting.found import Found

NAMES = (*tables.BASELINES, *files.NETWORKS)
_THRESHOLDS = np.array([0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99])
_ROWS = 20  # of a table that may have many, before it is folded
_SIGNIFICANT = 0.05


def describe(found: Found) -> dict[str, Any]:
    """Compute all that the templates show but the pictures of mistakes.

    Args:
        found: as `found.read` returns it.

    Returns:
        By name: texts, numbers, tables as lists of dictionaries, and charts.
    """
    test = found.predictions[found.predictions["split"] == "test"].reset_index(drop=True)
    best = tables.best(found.scores)
    right = {name: (test[name] == test["label"]).to_numpy() for name in NAMES}
    compared = _compare(found, test, right)
    return {
        "best": best,
        "models": [*files.NETWORKS],
        "verdict": _verdict(found, right, compared),
        "compared": compared,
        "tests": _tests(right),
        "classes": _classes(found, best),
        "pairs": _pairs(test, best),
        "mistakes": int((~right[best]).sum()),
        "photos": len(test),
        "data": _data(found),
        "without_leaks": {
            name: found.scores[name].get("test_without_duplicates") for name in files.NETWORKS
        },
        "robustness": _robustness(found.robustness),
        "thresholds": _thresholds(test, best, right[best]),
        "digests": found.digests,
        "versions": found.versions,
        "rows": _ROWS,
        **_charts(found, test, right),
    }


def _compare(
    found: Found, test: pd.DataFrame, right: dict[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """Return the row of each model and baseline in the table that compares them."""
    validation = found.predictions[found.predictions["split"] == "validation"]
    rows: dict[str, dict[str, Any]] = {}
    for name in NAMES:
        scores = found.scores.get(name, {}).get("test", {})
        rows[name] = {
            "validation": float((validation[name] == validation["label"]).mean()),
            "accuracy": float(right[name].mean()),
            "interval": statistics.accuracy_interval(right[name], test["group"].to_numpy()),
            "macro_f1": _macro_f1(test["label"], test[name]),
            "top3": scores.get("top3_accuracy"),
            "loss": scores.get("loss"),
            "ece": scores.get("ece"),
            "parameters": found.reports.get(name, {}).get("parameters"),
            "bytes": found.sizes.get(name),
        }
    return rows


def _macro_f1(labels: pd.Series, predicted: pd.Series) -> float:
    numbers, _ = pd.factorize(pd.concat([labels, predicted]))
    return metrics.macro_f1(*np.split(numbers, 2))


def _verdict(
    found: Found, right: dict[str, np.ndarray], compared: dict[str, dict[str, Any]]
) -> str:
    first, second, *_ = tables.by_validation(found.scores)
    p = statistics.mcnemar(right[first], right[second]).p
    accuracy, other = compared[first]["accuracy"], compared[second]["accuracy"]
    better = "better" if accuracy > other else "worse"
    relation = f"significantly {better} than" if p < _SIGNIFICANT else "not clearly different from"
    own, bounds, others, best = (
        rendering.percent(accuracy),
        " to ".join(map(rendering.percent, compared[first]["interval"])),
        rendering.percent(other),
        rendering.percent(compared[first]["validation"]),
    )
    leaks = found.counts["test_duplicates"]
    seen = f"{leaks:,} of them like photos in other splits" if leaks else "which no model saw"
    return (
        f"{first} is the best model on validation ({best} right); of {len(right[first]):,} test "
        f"photos, {seen}, it has {own} right (95 % interval {bounds}), which is "
        f"{relation} {second}, the next best ({others}, {rendering.p_value(p)})."
    )


def _tests(right: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return McNemar's test of each two classifiers, models before baselines."""
    names = [*reversed(NAMES)]
    return [
        {
            "first": first,
            "second": second,
            **statistics.mcnemar(right[first], right[second])._asdict(),
        }
        for first, second in combinations(names, 2)
    ]


def _classes(found: Found, best: str) -> list[dict[str, Any]]:
    """Return a row per class, the lowest F1 score first, and last those without test photos."""
    training = found.images[found.images["split"] == "train"].set_index("label")["images"]
    rows = []
    for name in found.classes:
        of_model = {
            model: found.reports[model]["test"]["classes"][name] for model in files.NETWORKS
        }
        own = of_model[best]
        some = own["support"] > 0  # without test photos nothing is known
        scores = {model: each["f1-score"] if some else None for model, each in of_model.items()}
        rows.append(
            {
                "name": name,
                "training": int(training.get(name, 0)),
                "test": int(own["support"]),
                "precision": own["precision"] if some else None,
                "recall": own["recall"] if some else None,
                "f1": scores,
            }
        )
    return sorted(rows, key=lambda row: (not row["test"], row["f1"][best], row["name"]))


def _pairs(test: pd.DataFrame, best: str) -> list[dict[str, Any]]:
    table = pd.DataFrame({"actual": test["label"], "predicted": test[best]})
    return _records(metrics.confused_pairs(table))


def _data(found: Found) -> dict[str, Any]:
    reasons = found.rejected["reason"].map(kind_of_reason).value_counts()
    training = found.images[found.images["split"] == "train"].sort_values(["images", "label"])
    return {
        **found.counts,
        "classes": len(found.classes),
        "smallest": training.iloc[0].to_dict(),
        "largest": training.iloc[-1].to_dict(),
        "rejected": len(found.rejected),
        # Of equally many, in alphabetical order.
        "reasons": sorted(reasons.items(), key=lambda item: (-item[1], item[0])),
        "leaks": found.leaks[["path", "split", "group"]].to_dict("records"),
    }


def _robustness(table: pd.DataFrame) -> dict[str, Any]:
    """Return a row per model and corruption, with the accuracy at each strength."""
    strengths, kinds = sorted(set(table["strength"])), [*dict.fromkeys(table["corruption"])]
    rows = [
        {"model": model, "corruption": kind, "accuracies": curve["accuracy"].tolist()}
        for (model, kind), curve in table.groupby(["model", "corruption"], sort=False)
    ]
    rows.sort(key=lambda row: kinds.index(row["corruption"]))  # models below each other
    return {
        "photos": int(table["photos"].iloc[0]),
        "short": table["model"].nunique() == 1,
        "strengths": strengths,
        "rows": rows,
    }


def _thresholds(test: pd.DataFrame, best: str, right: np.ndarray) -> list[dict[str, Any]]:
    confidence = predictions.confidence(test, best)
    return _records(curves.thresholds(confidence, right, _THRESHOLDS))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): row[key] for key in row} for row in table.to_dict("records")]


def _charts(found: Found, test: pd.DataFrame, right: dict[str, np.ndarray]) -> dict[str, list[str]]:
    confidence = {name: predictions.confidence(test, name) for name in files.NETWORKS}
    calibrated, kept = (
        {name: curve(confidence[name], right[name]) for name in files.NETWORKS}
        for curve in (curves.calibration, curves.thresholds)
    )
    labels = {"accuracy": "accuracy", "loss": "cross-entropy"}
    return {
        "learning_charts": [
            charts.learning_curves(found.histories, what, label) for what, label in labels.items()
        ],
        "calibration_charts": [charts.calibration(calibrated), charts.thresholds(kept)],
        "robustness_charts": [
            charts.robustness(found.robustness, kind)
            for kind in dict.fromkeys(found.robustness["corruption"])
        ],
    }


def write(found: Found, about: dict[str, Any], splits: Path, out: Path) -> None:
    """Write report.html and report.md.

    Args:
        found: as `found.read` returns it.
        about: parameters by name, to be shown.
        splits: data/_stages/split, for the photos of mistakes.
        out: data/_stages/report.
    """
    shown = describe(found) | {"about": about}
    test = found.predictions[found.predictions["split"] == "test"].reset_index(drop=True)
    rows = mistakes.pick(test, shown["best"])
    shown["examples"] = mistakes.illustrate(rows, test, found.classes, splits)
    for name in ("report.html", "report.md"):
        with files.replacing(out / name) as temporary:
            temporary.write_text(rendering.render(f"{name}.j2", shown), encoding="utf-8")
