"""The card of an exported model: what it is for, how good it is, where it comes from."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined, Template

from animals10.data.names import readable
from animals10.errors import without_secrets
from animals10.evaluation.tables import interval
from animals10.parameters import HUB, Backbone

_TEMPLATE = Path(__file__).with_name("card.md.jinja")
_SHOWN = 50  # classes; a table of more is not read
_KINDS = {
    "cnn": "A small convolutional network, trained from scratch",
    "frozen": "A head on a frozen pre-trained backbone",
    "finetuned": "A pre-trained backbone with a head, both trained on the photos",
}
# By `fetch.source`; what else is named is the user's own.
_PHOTOS = {
    "sample": (
        "Pictures drawn by this project's own code, not photographs",
        "MIT, as this project is",
    ),
    "kaggle": (
        "Animals-10 of Kaggle (alessiocorrado99/animals10)",
        "see the data set's page; its photos were collected on the web, and each may have rights "
        "of its own",
    ),
}
_WEIGHTS = {
    "package": "Apache 2.0 (Google's, as packaged by ML Illustrated); trained on ImageNet, whose "
    "photos have licences of their own",
    "imagenet": "Apache 2.0 (Keras Applications; some networks are ports with licences of their "
    "own); trained on ImageNet, whose photos have licences of their own",
    "none": "none are used",
    "preset": "that of the preset's page",
}


def render(
    about: dict[str, str],
    figures: dict[str, Any],
    scores: dict[str, Any],
    photos: pd.DataFrame,
    source: str,
    backbone: Backbone,
    preset: dict[str, str],
) -> str:
    """Write the card of a model as Markdown.

    Args:
        about: what the exported file says of itself.
        figures: of this model, as `exporting.export` returns them.
        scores: of this model, as metrics/evaluate.json has them.
        photos: columns label and split.
        source: `fetch.source`.
        backbone: that of the transfer models.
        preset: as `provenance.preset` returns it.
    """
    counts = pd.crosstab(photos["label"], photos["split"])
    counts = counts.reindex(columns=["train", "validation", "test"], fill_value=0)
    totals = {str(split): int(count) for split, count in counts.sum().items()}
    described, licence = _PHOTOS.get(source, (_own(source), "not known to this project"))
    return _template().render(
        about=about,
        kind=_KINDS[about["name"]],
        classes=[_cell(name) for name in json.loads(about["classes"])],
        counts=[(_cell(name), *row) for name, *row in counts.itertuples()][:_SHOWN],
        totals=totals,
        described=described,
        licence=licence,
        backbone=None if about["name"] == "cnn" else _shown(backbone, preset),
        preset=preset,
        weights=_licence(backbone, preset),
        rows=_rows(scores, totals),
        **_rounded(figures),
    )


def _shown(backbone: Backbone, preset: dict[str, str]) -> str:
    """Name a backbone, a preset on this machine without the folders above it."""
    return f"{HUB}{preset['preset']}" if preset else backbone.name


def _licence(backbone: Backbone, preset: dict[str, str]) -> str:
    known = _WEIGHTS.get(backbone.weights, "of a file of the user's; not known to this project")
    if preset.get("preset_network") == "DINOV3Backbone":
        return f"{known}; DINOv3's must be passed on with all that is made of its weights"
    return known


def _template() -> Template:
    environment = Environment(
        autoescape=False,  # noqa: S701 - it is Markdown, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _own(source: str) -> str:
    """Describe a source of the user's, without the folders above it, which are a machine's."""
    if source.lower().startswith(("http://", "https://")):
        return f"Photos of the user's, from {without_secrets(source)}"
    return f"Photos of the user's, from {_cell(Path(source).name)}"


def _rows(scores: dict[str, Any], totals: dict[str, int]) -> list[tuple[str, ...]]:
    return [
        (
            split,
            f"{totals[split]:,}",
            f"{scores[split]['accuracy']:.3f}",
            interval(scores[split]),
            f"{scores[split]['macro_f1']:.3f}",
            f"{scores[split]['top3_accuracy']:.3f}",
        )
        for split in ("validation", "test")
    ]


def _cell(text: str) -> str:
    """Write a name so that Markdown leaves it as it is."""
    return readable(text).replace("|", r"\|").replace("*", r"\*").replace("_", r"\_")


def _rounded(figures: dict[str, Any]) -> dict[str, str]:
    return {
        key: "not known" if value is None else f"{value:.3f}"
        for key, value in figures.items()
        if not isinstance(value, dict)
    }
