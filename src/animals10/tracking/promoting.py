"""Make an experiment's model champion, if it beats the present one beyond chance."""

import hashlib
import io
import json
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from animals10 import files
from animals10.deployment import champion, choosing
from animals10.deployment.champion import Champion, Origin
from animals10.errors import UserError
from animals10.evaluation import statistics, tables
from animals10.files import Lock
from animals10.tracking import provenance

_P = 0.05
_CONTENTS = {champion.MODEL: "onnx", champion.CARD: "md", champion.REFERENCE: "reference.npz"}
_PHOTOS = ["sha256", "label"]


class Challenger(NamedTuple):
    """A model that is to be champion.

    `validation` has a row per validation photo: sha256, label and predicted. `contents` are the
    files for `champion.add`.
    """

    contents: dict[str, bytes]
    validation: pd.DataFrame
    origin: Origin


def promote(experiment: str, model: str | None, force: str | None) -> Iterator[str]:
    """Make a model champion if it has significantly more validation photos right than the present.

    Args:
        experiment: the name of a DVC experiment, a git revision, or `workspace`.
        model: cnn, frozen or finetuned; None for the best on validation.
        force: why the model becomes champion without a comparison; None to compare.

    Yields:
        Lines that say what is champion, and why.

    Raises:
        UserError: the model is not better beyond chance, was validated on other photos, or is
            champion already; what it would be compared with is missing; the reason is empty; or
            there are no such results.
    """
    if force is not None and not force.strip():
        raise UserError(
            f"--force {force!r} gives no reason; say why, as --force 'the old one is too slow', or "
            "leave --force out to compare"
        )
    challenger = _read(experiment, model)
    with champion.lock():
        present = champion.known() if force else champion.current()
        _require_other(challenger, present)
        reason = f"forced: {force}" if force else _compare(challenger, present)
        promoted = champion.add(challenger.contents, challenger.origin, reason)
    yield f"champion is {champion.label(promoted)}: {reason}"
    before = f"previous is {champion.describe_previous(promoted)}"
    yield before if promoted["previous"] else "there was none before"


def _read(experiment: str, model: str | None) -> Challenger:
    revision = provenance.resolve(experiment)
    lock = files.read_lock(provenance.read(revision, "dvc.lock") or "stages: {}")
    _require_results(experiment, lock)
    read = partial(provenance.read_output, revision, lock)
    scores = json.loads(read("metrics/evaluate.json"))
    name = model or tables.best(scores)
    validation = _validation(
        _table(read("data/_stages/evaluate/predictions.csv")), _table(read(provenance.SPLITS)), name
    )
    contents = {target: read(f"models/{name}.{kind}") for target, kind in _CONTENTS.items()}
    contents[champion.VALIDATION] = validation.to_csv(index=False, lineterminator="\n").encode()
    named = experiment in dict(provenance.experiments())
    origin = Origin(
        name=name,
        experiment=experiment if named else provenance.experiment(provenance.identity(lock)),
        revision=revision or provenance.revision(),
        validation_accuracy=float(_right(validation).mean()),
        scores={split: scores[name][split] for split in ("validation", "test")},
    )
    return Challenger(contents, validation, origin)


def _require_results(experiment: str, lock: Lock) -> None:
    needed = ("evaluate", "export")
    if missing := [stage for stage in needed if stage not in lock["stages"]]:
        raise UserError(
            f"{experiment} has no results of {' and '.join(missing)}; `dvc repro` or `dvc exp run` "
            "makes them"
        )
    if stale := sorted(provenance.outdated(lock) & {*needed, *files.MODELS}):
        raise UserError(
            f"the results of {experiment} are of earlier models: {', '.join(stale)} did not run "
            "since the inputs changed; `dvc repro` runs what is missing"
        )


def _table(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), dtype="str", keep_default_na=False)


def _validation(predictions: pd.DataFrame, splits: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return sha256, label and predicted class of the validation photos, sorted."""
    rows = predictions[predictions["split"] == "validation"]
    table = rows.merge(splits[["path", "sha256"]], on="path").rename(columns={name: "predicted"})
    return table[[*_PHOTOS, "predicted"]].sort_values(_PHOTOS, ignore_index=True)


def _right(validation: pd.DataFrame) -> np.ndarray:
    return (validation["label"] == validation["predicted"]).to_numpy()


def _require_other(challenger: Challenger, present: Champion | None) -> None:
    digest = hashlib.sha256(challenger.contents[champion.MODEL]).hexdigest()
    if present and present["sha256"] == digest:
        raise UserError(f"this model is champion already: {champion.label(present)}")


def _compare(challenger: Challenger, present: Champion | None) -> str:
    """Say why a model becomes champion.

    Raises:
        UserError: it does not.
    """
    if present is None:
        return "the first champion"
    new = challenger.validation
    old = _read_validation(present)
    of_old = f"the champion, {champion.label(present)}"
    advice = "--force REASON promotes it all the same"
    if not new[_PHOTOS].equals(old[_PHOTOS]):
        common = len(new.merge(old, on=_PHOTOS))
        raise UserError(
            f"{of_old}, was validated on other photos or labels ({len(old)}, this model on "
            f"{len(new)}, {common} in both), so they cannot be compared; {advice}"
        )
    found = statistics.mcnemar(_right(new), _right(old))
    facts = (
        f"of {len(new)} photos only the new model has {found.only_first} right, only the old one "
        f"{found.only_second}, p = {found.p:.2g}"
    )
    if found.p < _P and found.only_first > found.only_second:
        return f"it beats version {present['version']} beyond chance, {facts}"
    origin = challenger.origin
    raise UserError(
        f"{origin['name']} of {origin['experiment']}, validation accuracy "
        f"{origin['validation_accuracy']:.3f}, does not beat {of_old}, beyond chance: {facts}; "
        f"{advice}"
    )


def _read_validation(present: Champion) -> pd.DataFrame:
    path = choosing.CHAMPION / champion.VALIDATION
    try:
        return _table(path.read_bytes())[[*_PHOTOS, "predicted"]]
    except (FileNotFoundError, ValueError, KeyError):
        wrong = "damaged" if path.exists() else "missing"
        raise UserError(
            f"{path} is {wrong}, so no model can be compared with the champion, "
            f"{champion.label(present)}; restore it, give --force REASON to promote without a "
            "comparison, or go back: `python -m animals10 rollback`"
        ) from None
