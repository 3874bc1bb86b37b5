"""The report with what no hash sees: times on this machine, the commit, what changed since."""

import json
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from animals10 import files
from animals10.errors import UserError, quiet_import, without_secrets
from animals10.files import Lock
from animals10.reporting import rendering
from animals10.tracking import provenance, results, store
from animals10.tracking.record import find_experiment

_REPORT = Path(results.OUTPUTS["report"])
_OPENED = _REPORT.with_name("local.html")  # beside the one that DVC keeps
_MARK = "<!-- of this machine -->"
_SCORES = "metrics/accuracy.json"


def open_report() -> Iterator[str]:
    """Put a block of this machine into a copy of the report, and open that in a browser.

    Yields:
        Lines that say where it is.

    Raises:
        UserError: there is no report.
    """
    if not _REPORT.is_file():
        raise UserError(f"{_REPORT} is missing; `make repro` writes it, `dvc checkout` restores it")
    lock = files.own_lock()
    if stale := provenance.outdated(lock):
        yield f"it is of earlier results: `dvc repro` would rerun {', '.join(sorted(stale))}"
    block = rendering.render(
        "local.html.j2", {"rows": [*_code(), *_minutes(lock), *_latencies()], "changes": changes()}
    )
    page = _REPORT.read_text(encoding="utf-8").replace(_MARK, block, 1)
    with files.replacing(_OPENED) as temporary:
        temporary.write_text(page, encoding="utf-8")
    yield f"the report: {_OPENED}"
    if sys.stdout.isatty():
        webbrowser.open(_OPENED.resolve().as_uri())


def _code() -> Iterator[tuple[str, str]]:
    yield "commit", provenance.revision()
    about = provenance.surroundings()
    yield "machine", about["machine"]
    yield "versions", about["versions"]


def _minutes(lock: Lock) -> Iterator[tuple[str, str]]:
    """Yield how long the stages took whose runs MLflow has from where they ran."""
    try:
        records = store.connect()
        tags = provenance.identity(lock)
        found = find_experiment(records, tags, provenance.evaluated(lock))
        runs = records.search(**{store.PARENT: found.info.run_id}) if found else []
    except (*store.FAILURES, OSError) as error:
        yield "minutes", f"not known, {store.describe(error)}"
        return
    for run in sorted(runs, key=lambda each: each.info.start_time):
        if "machine" in run.data.tags and run.info.end_time:  # else recorded afterwards
            minutes = (run.info.end_time - run.info.start_time) / 60_000
            yield f"{run.info.run_name}, minutes", f"{minutes:.1f}"


def _latencies() -> Iterator[tuple[str, str]]:
    with quiet_import():
        from animals10.reporting import latency  # it loads TensorFlow

    for name in files.NETWORKS:
        time = latency.milliseconds(Path("models") / f"{name}.keras")
        yield f"{name}, milliseconds for one image", f"{time:.1f}"


def changes() -> list[str]:
    """Say what differs from the last commit's results: parameters, code, data, accuracies."""
    is_committed = provenance.revision() != "unknown"
    committed = provenance.read("HEAD", "dvc.lock") if is_committed else ""
    if not committed:
        return ["no results are committed yet"]
    before, now = files.read_lock(committed), files.own_lock()
    return [
        *_differences(_parameters(before), _parameters(now)),
        *_differences(_inputs(before), _inputs(now), "{0} changed"),
        *_differences(
            _scores(provenance.read("HEAD", _SCORES)), _scores(provenance.read("", _SCORES))
        ),
    ]


def _parameters(lock: Lock) -> dict[str, Any]:
    """Return what dvc.lock says of parameters, by dotted key."""
    blocks = [stage.get("params", {}).get("params.yaml", {}) for stage in lock["stages"].values()]
    return {key: value for block in blocks for key, value in store.flat(block, ".").items()}


def _inputs(lock: Lock) -> dict[str, str]:
    """Return the digests of what stages depend on and none makes, and of the photos."""
    made = files.outs(lock)
    deps = [dep for stage in lock["stages"].values() for dep in stage.get("deps", [])]
    given = {dep["path"]: dep["md5"] for dep in deps if dep["path"] not in made}
    return given | {provenance.SPLITS: made.get(provenance.SPLITS, "")}


def _scores(text: str) -> dict[str, float]:
    return store.flat(json.loads(text), " ") if text else {}


def _differences(
    before: dict[str, Any], now: dict[str, Any], words: str = "{0}: {1} → {2}"
) -> list[str]:
    return [
        without_secrets(words.format(key, before.get(key, "none"), now.get(key, "none")))
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]
