"""What is wrong with an image file, and how to repair one whose pixels are whole."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

from PIL import AvifImagePlugin, Image, ImageChops, ImageCms, UnidentifiedImageError

END_NOTE = "no end mark, but all pixels"
METADATA_NOTE = "damaged metadata: left out"

DAMAGE = (  # what Pillow raises
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    ImageCms.PyCMSError,
)
_COMPARED = 50_000_000  # pixels: two such pictures fit in memory
_JPEG_END = b"\xff\xd9"
# What a file of another kind is, by its beginning.
_KINDS = [
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), kind)
    for pattern, kind in (
        (rb"version https://git-lfs", "not an image: Git LFS pointer; run `git lfs pull`"),
        (rb"[\s\xef\xbb\xbf]*(<[?!][^>]*>\s*)*<svg", "unsupported format: SVG"),
        (
            rb"[\s\xef\xbb\xbf]*(<!doctype html|(<[?!][^>]*>\s*)*<(html|head|body))",
            "not an image: HTML page",
        ),
        (rb"%PDF-", "not an image: PDF"),
        (rb".{4}ftyp(hei[cxms]|hev[cxms]|mif[12].{4,40}hei[cx])", "unsupported format: HEIC"),
        (rb".{4}ftypcrx |II\*\0.{4}CR|FUJIFILMCCD|IIRO|MMOR|IIU\0", "unsupported format: raw"),
        (rb".{4}(ftyp(?!avi|mi[af])|moov|mdat)", "not an image: video"),
        (rb"\x1a\x45\xdf\xa3|RIFF.{4}AVI|\0\0\x01[\xb3\xba]", "not an image: video"),
        (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "unsupported format: JPEG 2000"),
        (rb"\0\0\0\x0cJXL |\xff\x0a", "unsupported format: JPEG XL"),
        (rb"8BPS", "unsupported format: Photoshop"),
        (rb"\0\0[\x01\x02]\0(?!\0\0)", "unsupported format: ICO"),
        (
            rb"\0(\0[\x02\x03\x0a\x0b]\0{5}|\x01[\x01\x09]\0\0.{2}[\x10\x18\x20])",
            "unsupported format: TGA",
        ),
        (rb"P[1-7]\s", "unsupported format: PNM"),
        (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b", "not an image: archive"),
        (rb"\0+$", "not an image: nothing but zeros"),
    )
]
_KNOWN = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF.{4}WEBP|BM.{4}\0\0\0\0|II[*+]\0|MM\0[*+]|.{4}ftyp(avi|mi[af])",
    re.DOTALL,
)


def reason(content: bytes, error: Exception) -> str:
    """Say why a file cannot be used as an image.

    Args:
        content: all of the file.
        error: what Pillow raised.
    """
    if not content:
        return "empty file"
    for pattern, kind in _KINDS:
        if pattern.match(content[:1024]):
            return kind
    if not _KNOWN.match(content):
        return "not an image"
    if content[4:8] == b"ftyp" and not AvifImagePlugin.SUPPORTED:
        return "unsupported format: AVIF"
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower() or _is_cut(content):
        return "damaged image: truncated file"
    if content.startswith(b"\x89PNG") and not all(intact for _, _, intact in _chunks(content)):
        return "damaged image: bad checksum"
    if isinstance(error, UnidentifiedImageError):
        return "damaged image: unreadable header"
    return f"damaged image: {text}"


def _is_cut(content: bytes) -> bool:
    """Return whether a file ends too early, where Pillow does not say so."""
    if content.startswith(b"RIFF"):
        return int.from_bytes(content[4:8], "little") + 8 > len(content)
    if content.startswith(b"\x89PNG"):
        return all(kind != b"IEND" for kind, _, _ in _chunks(content))
    if content.startswith((b"II*", b"MM\0*")):
        directory = int.from_bytes(content[4:8], "little" if content[:1] == b"I" else "big")
        return directory + 2 > len(content)
    if content[4:8] == b"ftyp":
        box, size = 0, 8
        while size >= 8 and box < len(content):
            size = int.from_bytes(content[box : box + 4], "big")
            box += size
        return box > len(content)
    return content.startswith(b"\xff\xd8") and b"\xff\xda" not in content


def repaired(content: bytes, damage: Exception) -> Iterator[tuple[str, bytes]]:
    """Yield what a file may be without what stopped Pillow, each with a note for the user."""
    if content.startswith(b"\x89PNG"):
        for kept in ((b"tRNS", b"eXIf", b"iCCP"), (b"tRNS", b"eXIf")):
            needed = (
                chunk
                for kind, chunk, intact in _chunks(content)
                if kind.isupper() or (kind in kept and intact)
            )
            yield METADATA_NOTE, content[:8] + b"".join(needed)
    elif content.startswith(b"\xff\xd8") and isinstance(damage, UnidentifiedImageError):
        yield METADATA_NOTE, _without_segments(content)
    elif content.startswith(b"\xff\xd8") and "truncated" in str(damage):
        if _lacks_only_its_end(content.rstrip(b"\xff")):
            yield END_NOTE, content.rstrip(b"\xff") + _JPEG_END
    elif content[4:8] == b"ftyp":
        yield METADATA_NOTE, re.sub(rb"(infe.{8})Exif", rb"\1none", content, flags=re.DOTALL)


def _lacks_only_its_end(content: bytes) -> bool:
    """Return whether a JPEG has all of its pixels: what is put before its end changes none."""
    pictures = []
    with suppress(*DAMAGE):
        for filler in (b"", b"\x55" * 64):
            with Image.open(io.BytesIO(content + filler + _JPEG_END), formats=["JPEG"]) as image:
                if image.width * image.height > _COMPARED:
                    return False
                pictures.append(image.convert("RGB"))
        return ImageChops.difference(*pictures).getbbox() is None
    return False


def _without_segments(content: bytes) -> bytes:
    """Leave out a JPEG's comments and application segments but EXIF and Adobe's colour model."""
    kept, begin = [content[:2]], 2
    while content[begin : begin + 1] == b"\xff" and content[begin + 1 : begin + 2] != b"\xda":
        end = begin + 2 + int.from_bytes(content[begin + 2 : begin + 4], "big")
        segment = content[begin:end]
        if not re.match(rb"\xff[\xe0\xe2-\xed\xef\xfe]|\xff\xee.{,13}$", segment, re.DOTALL):
            kept.append(segment)
        begin = end
    return b"".join(kept) + content[begin:]


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield the chunks of a PNG file: the kind, all bytes, and whether the checksum is right."""
    begin = 8
    while begin < len(content):
        size = 12 + int.from_bytes(content[begin : begin + 4], "big")
        chunk = content[begin : begin + size]
        checksum = zlib.crc32(chunk[4:-4]).to_bytes(4, "big")
        yield chunk[4:8], chunk, len(chunk) == size and chunk[-4:] == checksum
        begin += size
