"""What is a photo of which class: every file of a source is kept or rejected with a reason."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath

from tqdm import tqdm

from animals10.errors import UserError
from animals10.images import fault
from animals10.sources import Entry

_CHUNK = 256  # files in memory at once


@dataclass
class Verdicts:
    """What became of the files of a source."""

    kept: dict[str, int] = field(default_factory=dict)  # class -> photos
    rejected: list[tuple[str, str]] = field(default_factory=list)  # (path, reason)


def judge(entries: list[Entry], verdicts: Verdicts) -> Iterator[tuple[str, bytes]]:
    """Yield the photos among the files of a source.

    The first folders below whatever wraps them all are the classes; hidden and stray files are
    rejected, under their names in the source.

    Args:
        entries: all files and folders of the source, sorted by name.
        verdicts: filled while the photos are yielded.

    Yields:
        (`<class>/<file>`, the file's bytes unchanged), in the order of the entries.

    Raises:
        UserError: the source looks split already; or, after the last photo, fewer than two classes
            have photos or one has none.
    """
    candidates = _in_classes(entries, verdicts)
    _refuse_split([name for name, _ in candidates])
    verdicts.kept = {name.split("/")[0]: 0 for name, _ in candidates}
    files = [(name, entry) for name, entry in candidates if not name.endswith("/")]
    with ThreadPoolExecutor() as pool:
        for chunk in _chunks(tqdm(files, desc="fetch", unit="file", disable=None)):
            contents = [entry.read() for _, entry in chunk]
            for (name, entry), content, reason in zip(
                chunk, contents, pool.map(fault, contents), strict=True
            ):
                if reason:
                    verdicts.rejected.append((entry.name, reason))
                else:
                    verdicts.kept[name.split("/")[0]] += 1
                    yield name, content
    _require_classes(verdicts.kept)


def _in_classes(entries: list[Entry], verdicts: Verdicts) -> list[tuple[str, Entry]]:
    visible: dict[str, Entry] = {}
    for entry in entries:
        name = str(PurePosixPath(entry.name)) + "/" * entry.name.endswith("/")
        parts = PurePosixPath(name).parts
        if any(part.startswith(".") or part == "__MACOSX" for part in parts):
            if not name.endswith("/"):
                verdicts.rejected.append((name, "hidden file or folder"))
        elif name in visible:
            verdicts.rejected.append((name, "name occurs twice"))
        else:
            visible[name] = entry
    depth = _wrapper_depth(list(visible))
    inside = []
    for name, entry in visible.items():
        parts = PurePosixPath(name).parts[depth:]
        if len(parts) >= 2 or (parts and name.endswith("/")):
            inside.append(("/".join(parts) + "/" * name.endswith("/"), entry))
        elif not name.endswith("/"):
            verdicts.rejected.append((name, "not in a class folder"))
    return inside


def _wrapper_depth(names: list[str]) -> int:
    """Count the folders around the class folders: 2 for archive/raw-img/<class>/<photo>."""
    folders = {
        PurePosixPath(n).parts if n.endswith("/") else PurePosixPath(n).parts[:-1] for n in names
    }
    depth = 0
    while True:
        tops = {parts[depth] for parts in folders if len(parts) > depth}
        if len(tops) != 1 or not any(len(parts) > depth + 1 for parts in folders):
            return depth
        depth += 1


def _refuse_split(names: list[str]) -> None:
    """Refuse train/cat/1.jpg, test/cat/2.jpg, which would be learnt as classes train and test."""
    inner: dict[str, set[str]] = {}
    for name in names:
        if not name.endswith("/"):
            top, *folders = name.split("/")[:-1]
            inner.setdefault(top, set()).add(folders[0] if folders else "")
    if len(inner) > 1 and (shared := set.intersection(*inner.values()) - {""}):
        raise UserError(
            f"the source looks split already: {', '.join(sorted(inner))} each have a folder "
            f"{min(shared)!r}; give one folder per class, the pipeline splits by itself"
        )


def _chunks(items: Iterable[tuple[str, Entry]]) -> Iterator[list[tuple[str, Entry]]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _require_classes(kept: dict[str, int]) -> None:
    empty = sorted(name for name, count in kept.items() if not count)
    if empty:
        raise UserError(
            f"class {empty[0]!r} has no usable photo ({len(empty)} such of {len(kept)} classes); "
            "add photos to its folder or remove the folder"
        )
    if len(kept) < 2:
        raise UserError(
            f"the source has {len(kept)} class(es): {', '.join(kept) or 'none'}; "
            "at least 2 are needed, one folder of photos each"
        )
