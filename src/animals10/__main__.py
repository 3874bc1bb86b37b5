"""Commands: python -m animals10 params | compare | experiments | predict | promote | serve | …."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from animals10 import arguments


def main() -> None:
    """Run the command that the arguments name."""
    given = arguments.parse(str(__doc__))
    if given.command in _ANYWHERE:
        sys.exit(_ANYWHERE[given.command](given))
    if not Path("dvc.yaml").is_file():
        raise errors.UserError("there is no dvc.yaml here; run from the project's folder")
    for line in _COMMANDS[given.command](given):
        print(line, flush=True)


# Each command imports what it needs: MLflow, Keras and DVC take seconds.


def _predict(given: Namespace) -> int:
    from animals10.deployment import command

    return command.run(given)


def _drift(given: Namespace) -> int:
    from animals10.deployment import drift_command

    return drift_command.run(given)


def _serve(given: Namespace) -> int:
    from animals10.serving import command

    command.run(given)
    return 0


def _params(_: Namespace) -> Iterable[str]:
    from animals10 import parameters
    from animals10.data import inputs
    from animals10.models import checks

    _require_repository()
    params = parameters.load()
    recorded = inputs.read_recorded(inputs.RECORD, params)
    checks.require(params, recorded, inputs.read_json(inputs.PINS))
    return ["params.yaml is valid"]


def _compare(_: Namespace) -> Iterable[str]:
    from animals10 import files
    from animals10.evaluation import tables
    from animals10.tracking import provenance

    table = tables.comparison(*map(files.read_metrics, ("evaluate", "report", "baselines")))
    stale = "evaluate" in provenance.outdated(files.own_lock())
    return [table, *["it is of earlier models: `dvc repro` compares those of now"] * stale]


def _experiments(_: Namespace) -> Iterable[str]:
    from animals10 import files
    from animals10.tracking import experiments

    return [experiments.table(experiments.collect(files.read_yaml(Path("params.yaml"))))]


def _report(_: Namespace) -> Iterable[str]:
    from animals10.tracking import local_report

    return local_report.open_report()


def _why(given: Namespace) -> Iterable[str]:
    from animals10.tracking import why

    return why.explain(given.path)


def _ui(given: Namespace) -> Iterable[str]:
    from animals10.tracking import ui

    return ui.open_pages(given.port)


def _sync(given: Namespace) -> Iterable[str]:
    from animals10.tracking import sync

    return sync.sync(given.history)


def _promote(given: Namespace) -> Iterator[str]:
    from animals10.tracking import promoting

    yield from promoting.promote(given.experiment, given.model, given.force)
    yield from _follow()


def _rollback(_: Namespace) -> Iterator[str]:
    from animals10.deployment import champion

    present, left = champion.rollback()
    yield f"champion is {champion.label(present)}, again; it was {champion.label(left)}"
    yield from _follow()


def _follow() -> Iterable[str]:
    from animals10.tracking import registry  # after the change, since MLflow takes seconds

    return registry.try_follow()


def _champion(_: Namespace) -> Iterable[str]:
    from animals10.deployment import champion

    return champion.describe()


_ANYWHERE = {"predict": _predict, "drift": _drift, "serve": _serve}
# In a project's folder.
_COMMANDS = {
    "params": _params, "compare": _compare, "experiments": _experiments, "report": _report,
    "why": _why, "ui": _ui, "sync": _sync, "promote": _promote, "rollback": _rollback,
    "champion": _champion,
}  # fmt: skip


def _require_repository() -> None:
    from animals10.tracking import provenance

    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise errors.UserError(
            "this folder is in no git repository, and DVC compares results by commits; clone the "
            "project, or make it one: `git init && git add --all && git commit --message start`"
        )
    provenance.git("rev-parse", "--git-dir")  # refuses another user's folder


if __name__ == "__main__":
    errors.run(main)
