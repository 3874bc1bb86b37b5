"""The commands' arguments; no library is imported for them, so that `--help` comes at once."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from animals10.files import NETWORKS

_MODELS = "cnn, frozen, finetuned, champion, or a file; by default the champion"


def parse(description: str) -> argparse.Namespace:
    """Read the command line; its `command` is the command's name.

    Args:
        description: of the program.
    """
    parser = argparse.ArgumentParser(prog="python -m animals10", description=description)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_pipeline, _add_predict, _add_drift, _add_champion, _add_serve, _add_record):
        add(commands)
    return parser.parse_args()


def _add_pipeline(commands: Any) -> None:
    commands.add_parser("params", help="check params.yaml")
    commands.add_parser("compare", help="print the table of models")
    commands.add_parser("experiments", help="print the table of DVC's experiments")
    commands.add_parser("report", help="open the report, with times, commit and changes")


def _add_record(commands: Any) -> None:
    sync = commands.add_parser("sync", help="complete the MLflow store from git and DVC")
    sync.add_argument("--history", action="store_true", help="of earlier commits as well")
    ui = commands.add_parser("ui", help="serve MLflow's pages to this machine")
    ui.add_argument("--port", type=int, default=5000)
    why = commands.add_parser("why", help="explain what made a model file")
    why.add_argument("path", type=Path, help="for instance models/finetuned.keras")


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser("predict", help="tell what is on photos")
    predict.add_argument(
        "photos",
        nargs="+",
        metavar="PATH",
        help="files, folders, patterns, archives; - for a list on standard input",
    )
    predict.add_argument("--model", help=_MODELS)
    predict.add_argument(
        "--log", type=Path, metavar="PATH", help="append a line a photo, without names and images"
    )
    predict.add_argument("--top", type=_count, default=2, metavar="K", help="classes to name (2)")
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON object a line")
    form.add_argument("--csv", action="store_true", help="print CSV")


def _add_drift(commands: Any) -> None:
    drift = commands.add_parser("drift", help="tell whether logged predictions became different")
    drift.add_argument("log", type=Path, metavar="LOG", help="what `--log` of a command names")
    drift.add_argument("--model", help="which wrote it; as of predict, by default the champion")
    drift.add_argument(
        "--last",
        type=partial(_count, least=50),
        default=1000,
        metavar="N",
        help="how many predictions to compare, the newest (1000)",
    )


def _add_champion(commands: Any) -> None:
    promote = commands.add_parser("promote", help="make a model champion, if it beats the present")
    promote.add_argument(
        "experiment", help="a DVC experiment, a git revision, or workspace for the last `dvc repro`"
    )
    promote.add_argument("--model", choices=NETWORKS, help="by default the best on validation")
    promote.add_argument("--force", metavar="REASON", help="without a comparison; why is recorded")
    commands.add_parser("rollback", help="make the champion's previous version champion again")
    commands.add_parser("champion", help="print what is champion and where it comes from")


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="serve predictions over HTTP, and a page")
    serve.add_argument("--host", default="127.0.0.1", help="elsewhere it needs a token")
    serve.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    serve.add_argument("--model", help=_MODELS)
    serve.add_argument(
        "--log", type=Path, metavar="PATH", help="append a line a photo, without names and images"
    )
    serve.add_argument("--no-page", action="store_true", help="only the API")
    serve.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a limit of docs/serving.md, as queue=64",
    )


def _count(text: str, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give {least} or more")
    return int(text)
