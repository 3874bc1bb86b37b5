"""Names in pictures: of any script and length, each character from a font that has it."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import accumulate

_DEFAULT = "sans-serif"  # matplotlib's own family, DejaVu Sans
_BREAKS = ("Cc", "Zl", "Zp")  # control characters, and separators of lines and paragraphs


def legible(names: Sequence[str], width: float) -> tuple[list[str], list[str]]:
    r"""Return names as a picture can show them: on one line, short, with characters of its fonts.

    Args:
        names: any.
        width: in ems, the size of a Chinese character; of a wider name only the beginning and the
            end are shown.

    Returns:
        The names, in which a character that no font has is an escape such as \u732b; and the
        families of the fonts, of which matplotlib takes the first that has a character.
    """
    characters = frozenset("".join(names))
    families, absent = _families(frozenset(filter(_is_drawn, characters)))
    escapes = {
        ord(character): character.encode("unicode_escape").decode()
        for character in characters
        if character in absent or not _is_drawn(character)
    }
    escaped = [name.translate(escapes) for name in names]
    advances = _advances(frozenset("".join(escaped)))
    return [_shortened(name, width, advances) for name in escaped], [_DEFAULT, *families]


def _is_drawn(character: str) -> bool:
    return unicodedata.category(character) not in _BREAKS


def _shortened(name: str, width: float, advances: dict[str, float]) -> str:
    if sum(map(advances.__getitem__, name)) <= width:
        return name
    room = (width - 1) / 2  # beside the dots
    ends = _fitting(name, room, advances), _fitting(name[::-1], room, advances)[::-1]
    return "…".join(ends)


def _fitting(name: str, width: float, advances: dict[str, float]) -> str:
    """Return as much of the beginning of a name as fits."""
    return name[: bisect_right(list(accumulate(map(advances.__getitem__, name))), width)]


def _advances(characters: frozenset[str]) -> dict[str, float]:
    """Return widths in ems: those of the default font, and 1 of what it lacks."""
    from matplotlib.ft2font import FT2Font, LoadFlags

    face = FT2Font(_default_file())
    own = _had(_default_file(), 0, characters)
    return {
        each: face.load_char(ord(each), LoadFlags.NO_SCALE).horiAdvance / face.units_per_EM
        if each in own
        else 1.0
        for each in characters
    }


def _default_file() -> str:
    from matplotlib.font_manager import FontProperties, findfont

    return findfont(FontProperties(family=[_DEFAULT]))


@cache
def _families(characters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Find installed fonts for the characters that the default one lacks.

    Returns:
        Their families, few of them; and the characters that none has.
    """
    absent = characters - _had(_default_file(), 0, characters)
    families, absent = _covering(absent)
    if absent and _add_new_fonts():
        more, absent = _covering(absent)
        families += more
    return families, absent


def _covering(absent: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Choose among the families that matplotlib knows, always the one that adds most."""
    had = {name: _had(*face, absent) for name, face in _faces().items()} if absent else {}
    families: list[str] = []
    while useful := [name for name in had if had[name] & absent]:
        # Of equals, the one without serifs, as the default is.
        key = {name: (-len(had[name] & absent), "Sans" not in name, name) for name in useful}
        families.append(min(useful, key=key.__getitem__))
        absent -= had[families[-1]]
    return families, absent


def _faces() -> dict[str, tuple[str, int]]:
    """Return file and index of each family's face that matplotlib takes by default."""
    from matplotlib.font_manager import fontManager

    faces: dict[str, tuple[str, int]] = {}
    # Regular ones first, of weight 400, as in FontManager.findfont.
    for entry in sorted(
        fontManager.ttflist, key=lambda e: (e.style != "normal", abs(int(e.weight) - 400))
    ):
        if "lastresort" not in entry.name.replace(" ", "").lower():  # it has boxes for all
            faces.setdefault(entry.name, (entry.fname, entry.index))
    return faces


def _had(path: str, index: int, characters: frozenset[str]) -> frozenset[str]:
    """Return which of the characters a face of a font file has."""
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(path, face_index=index)
    except (OSError, RuntimeError):  # removed since matplotlib listed it, or damaged
        return frozenset()
    return frozenset(each for each in characters if face.get_char_index(ord(each)))


def _add_new_fonts() -> bool:
    """Make matplotlib know fonts installed since it listed them; tell whether there are any."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        with suppress(Exception):  # of many kinds: damaged, or of bitmaps, which it cannot draw
            fontManager.addfont(path)
    return len({entry.fname for entry in fontManager.ttflist}) > len(known)
