"""The report's templates, and how they write numbers and names."""

import html
import re
from pathlib import Path
from typing import Any

import jinja2

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, shown: dict[str, Any]) -> str:
    """Fill a template; whatever it is given is escaped, in HTML and in Markdown.

    Args:
        template: name of a file in `templates`.
        shown: what it shows.

    Raises:
        jinja2.UndefinedError: the template names something else.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=escape_markdown if template.endswith(".md.j2") else None,
    )
    environment.filters |= {"percent": percent, "p": p_value, "thousands": "{:,}".format}
    return environment.get_template(template).render(shown)


def escape_markdown(value: Any) -> Any:
    """Return a text so that a table of GitHub's Markdown shows it as it is, on one line."""
    if not isinstance(value, str):
        return value
    line = html.escape(" ".join(value.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#@$])", r"\\\1", line)


def percent(fraction: float) -> str:
    """Return a fraction as per cent with one decimal."""
    return f"{100 * fraction:.1f} %"


def p_value(p: float) -> str:
    """Return a p-value as is usual."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
