"""MLflow's registered model, which follows models/champions."""

import io
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from filelock import FileLock
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType
from PIL import Image

import animals10
import animals10_sample
from animals10.deployment import champion
from animals10.deployment.champion import Champion
from animals10.deployment.predictor import Predictor
from animals10.tracking import provenance, store

NAME = "animals10"
_NEEDED = ("mlflow", "numpy", "onnxruntime", "pandas", "pillow")
_FACTS = ("name", "version", "sha256", "experiment", "revision", "promoted", "reason")
_ARTIFACTS = {"model": champion.MODEL, "card": champion.CARD, "reference": champion.REFERENCE}
# Else MLflow keeps this project's uv.lock with the model, which has TensorFlow, and shows progress.
_SETTINGS = {"MLFLOW_UV_AUTO_DETECT": "false", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
_SIGNATURE = ModelSignature(
    # Bytes of files; in JSON, MLflow takes base64 for them.
    inputs=Schema([ColSpec(DataType.binary, "image")]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "class"),
            ColSpec(DataType.double, "probability"),
            ColSpec(AnyType(), "top"),
            ColSpec(DataType.boolean, "unsure"),
        ]
    ),
    params=ParamSchema([ParamSpec("top", DataType.long, 2)]),
)


def try_follow() -> Iterator[str]:
    """Do what `follow` does; what MLflow refuses is a line, since the champion is in place."""
    try:
        yield from follow()
    except Exception as error:
        yield f"{store.describe(error)}; `make sync` completes the registry"


def follow() -> Iterator[str]:
    """Register the versions that MLflow lacks, and set the aliases `champion` and `previous`.

    A version of the registry is the one on disk with the same sha256. Their numbers may
    differ, for example where two clones share a server.

    Yields:
        A line for each change.

    Raises:
        Exception: MLflow's, of several kinds.
    """
    versions, present = champion.versions(), champion.current()
    if not present:
        return
    for problem in champion.damaged():
        yield f"registry: a version is skipped, since {problem}"
    records = store.connect()
    with FileLock(champion.CHAMPIONS / ".registry.lock"):
        registered = _registered(records.client)
        for about in versions.values():
            if about["sha256"] not in registered:
                registered[about["sha256"]] = _register(records, about)
                number = registered[about["sha256"]]
                yield f"registry: version {about['version']} is {NAME} version {number}"
        before = versions.get(present["previous"] or 0)
        wanted = {"champion": registered[present["sha256"]]}
        wanted["previous"] = registered[before["sha256"]] if before else ""
        yield from _set_aliases(records.client, wanted)


def _registered(client: mlflow.MlflowClient) -> dict[str, str]:
    """Return the versions of the registry by sha256, the oldest of several."""
    if not client.search_registered_models(f"name = '{NAME}'"):
        client.create_registered_model(NAME, description="What is, or was, this project's champion")
    found = client.search_model_versions(f"name = '{NAME}'")
    ordered = sorted(found, key=lambda each: -int(each.version))
    return {each.tags.get("sha256", ""): str(each.version) for each in ordered}


def _set_aliases(client: mlflow.MlflowClient, wanted: dict[str, str]) -> Iterator[str]:
    aliases = client.get_registered_model(NAME).aliases
    for alias, number in wanted.items():
        if str(aliases.get(alias, "")) == number:
            continue
        if number:
            client.set_registered_model_alias(NAME, alias, number)
        else:
            client.delete_registered_model_alias(NAME, alias)
        yield f"registry: {alias} is {f'{NAME} version {number}' if number else 'none'}"


def _register(records: store.Store, about: Champion) -> str:
    """Log a version's model and metrics to a run of its own, and register it last."""
    client, tags = records.client, _tags(about)
    for run in records.search(level=tags["level"], sha256=tags["sha256"]):  # as a kill leaves it
        records.delete(run.info.run_id)
    title = f"champion-{about['version']}"
    run_id = client.create_run(records.experiment_id, run_name=title, tags=tags).info.run_id
    logged = client.create_logged_model(records.experiment_id, title, run_id, tags=tags)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    client.log_batch(run_id, metrics=_metrics(about, logged))
    with tempfile.TemporaryDirectory() as temporary:
        _save(Path(temporary) / "model", about, logged, tags)
        client.log_model_artifacts(logged.model_id, str(Path(temporary) / "model"))
    client.finalize_logged_model(logged.model_id, "READY")
    client.set_terminated(run_id)
    # Its address, since MLflow would look for models:/… in the store of the whole process.
    source, text = logged.artifact_location, champion.label(about)
    created = client.create_model_version(
        NAME, source, run_id, tags=tags, description=text, model_id=logged.model_id
    )
    return str(created.version)


def _tags(about: Champion) -> dict[str, str]:
    metadata = Predictor(champion.folder(about["version"]) / champion.MODEL).metadata
    identity = {key: metadata[key] for key in provenance.IDENTITY}
    facts = {key: str(value) for key, value in about.items() if key in _FACTS}
    return {"level": "champion", **identity, **facts}


def _metrics(about: Champion, logged: LoggedModel) -> list[Metric]:
    now = int(1000 * time.time())
    values = store.flat(about["scores"]).items()
    return [Metric(key, float(value), now, 0, logged.model_id) for key, value in values]


def _save(out: Path, about: Champion, logged: LoggedModel, tags: dict[str, str]) -> None:
    for key, value in _SETTINGS.items():
        os.environ.setdefault(key, value)
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
    folder = champion.folder(about["version"])
    mlflow.pyfunc.save_model(
        str(out),
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        code_paths=[str(Path(animals10.__file__).parent)],
        artifacts={key: str(folder / name) for key, name in _ARTIFACTS.items()},
        signature=_SIGNATURE,
        input_example=_example(),
        pip_requirements=[f"{name}=={installed(name)}" for name in _NEEDED],
        metadata=tags,
        mlflow_model=Model(run_id=logged.source_run_id, model_id=logged.model_id),
    )


def _example() -> pd.DataFrame:
    """Return a drawn image, as the bytes of a file."""
    content = io.BytesIO()
    picture = animals10_sample.draw(animals10_sample.CLASSES[0], np.random.default_rng(0))
    Image.fromarray(picture).save(content, "PNG")
    return pd.DataFrame({"image": [content.getvalue()]})
