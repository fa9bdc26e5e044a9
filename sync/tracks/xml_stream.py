"""XML piece by piece: no document is ever held whole, and document types and entities are refused.

Names are compared without namespace prefix: devices write extensions with prefixes they never declare.
"""

import codecs
import re
from typing import Protocol
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from sync.tracks.collecting import Collector
from sync.tracks.errors import NotReadable

# Large, because Expat scans an unfinished token anew for each piece it is fed.
PIECE_BYTES = 1024 * 1024
# Of the text inside one element; only KML's coordinates are longer, and they are read as they come.
TEXT_LENGTH = 4096
MAX_DEPTH = 200
# Expat keeps every name it has met, and all attributes of an element at once.
MAX_NAMES = 1_000
MAX_ATTRIBUTES = 100
MAX_TAG_LENGTH = 64 * 1024
MAX_OPEN_LENGTH = 1024 * 1024
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
# What XML 1.0 does not allow at all: runs of zero bytes stand where a device lost power.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# ASCII is read as UTF-8; UTF-16 without a byte order mark is not XML.
_ENCODINGS = re.compile(r"iso8859-\d+|cp\d+|koi8-\w|mac-roman|gbk|gb2312|gb18030|big5|shift_jis|euc_\w+")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

LONGEST_BOM = 3
# From one opening bracket to the next, which cannot stand in a tag: where that is far, the tag may be long.
_FAR = re.compile(f"<(?![!?])[^<]{{{MAX_TAG_LENGTH},}}")
_TAG = re.compile(r"""<[^\s"'<>]+(?:[^"'<>]++|"[^"<]*+"|'[^'<]*+')*+>""")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class ElementReader(ContentHandler):
    """Base of the XML readers: keeps the path of open elements and the text of the innermost one.

    Children override `started` and `ended`, which see local names, and may override `characters`.
    """

    root = ""

    def __init__(self, collector: Collector) -> None:
        super().__init__()
        self.collector = collector
        self.path: list[str] = []
        self._names: set[str] = set()
        self._text: list[str] = []
        self._room = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        self._count(name, attrs)
        local = name.rpartition(":")[2]
        if not self.path and local != self.root:
            raise NotReadable(f"It should begin with <{self.root}>, and does not.")
        if len(self.path) >= MAX_DEPTH:
            raise NotReadable(f"Its elements are nested more than {MAX_DEPTH} deep.")
        self.path.append(local)
        self._text.clear()
        self._room = TEXT_LENGTH
        self.started(local, attrs)

    def _count(self, name: str, attrs: AttributesImpl) -> None:
        self.collector.step()
        if len(attrs) > MAX_ATTRIBUTES:
            raise NotReadable(f"It has an element with more than {MAX_ATTRIBUTES} attributes.")
        self._names.add(name)
        self._names.update(attrs.getNames())
        if len(self._names) > MAX_NAMES:
            raise NotReadable(f"Its elements have more than {MAX_NAMES:,} different names.")

    def characters(self, content: str) -> None:
        if self._room > 0:
            self._text.append(content[: self._room])
            self._room -= len(content)

    def endElement(self, name: str) -> None:  # noqa: N802, ARG002
        local = self.path.pop()
        text = "".join(self._text).strip()
        self._text.clear()
        self.ended(local, text)

    @property
    def parent(self) -> str:
        return self.path[-1] if self.path else ""

    def started(self, name: str, attrs: AttributesImpl) -> None:
        raise NotImplementedError

    def ended(self, name: str, text: str) -> None:
        raise NotImplementedError


class TagGuard:
    """Sees the text before Expat does, which would keep a tag of any length until it ends."""

    def __init__(self) -> None:
        self._open = ""

    def check(self, text: str) -> str:
        """The same text. Raise `NotReadable` where a tag in it, or one that goes on in it, is too long.

        A long value is none of our business: pictures stand in the descriptions of places.
        """
        so_far = self._open + text
        for far in _FAR.finditer(so_far):
            tag = _TAG.match(so_far, far.start(), far.end()) or far
            if tag.end() - tag.start() > MAX_TAG_LENGTH and tag[0].count("=") > MAX_ATTRIBUTES:
                raise NotReadable(f"It has a tag of more than {MAX_TAG_LENGTH // 1024} KB.")
        last = so_far.rfind("<")
        is_open = last >= 0 and not so_far.startswith("<![CDATA[", last) and not _TAG.match(so_far, last)
        self._open = so_far[last:] if is_open else ""
        if len(self._open) > MAX_OPEN_LENGTH:
            raise NotReadable("It has a tag or a comment of more than 1 MB.")
        return text


def parse_xml(stream: Readable, reader: ElementReader) -> None:
    """Raise `NotReadable` for anything that is no whole, plain XML document."""
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(reader)
    guard = TagGuard()
    piece = stream.read(PIECE_BYTES)
    decoder, piece = _decoder(piece)
    try:
        while piece:
            parser.feed(guard.check(_NOT_XML.sub("", decoder.decode(piece))))
            piece = stream.read(PIECE_BYTES)
        parser.feed(_NOT_XML.sub("", decoder.decode(b"", final=True)))
        parser.close()
    except DefusedXmlException as error:
        raise NotReadable("It declares a document type or entities, which no track file needs.") from error
    except SAXException as error:
        raise NotReadable("It is not well-formed XML, or ends too early.") from error


class DecodedStream:
    """The same text in UTF-8 without a byte order mark, which files from Windows begin with.

    Without a mark the bytes pass as they are: what is no UTF-8 is refused by whoever reads them.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._decoder: codecs.IncrementalDecoder | None = None
        self._is_begun = False

    def read(self, size: int, /) -> bytes:
        while size and (piece := self._stream.read(size)):
            if not self._is_begun:
                piece = self._begin(piece)
            if text := self._decoder.decode(piece).encode() if self._decoder else piece:
                return text
        return b""

    def _begin(self, piece: bytes) -> bytes:
        self._is_begun = True
        while len(piece) < LONGEST_BOM and (more := self._stream.read(LONGEST_BOM - len(piece))):
            piece += more
        for mark, encoding in _BOMS:
            if piece.startswith(mark):
                self._decoder = codecs.getincrementaldecoder(encoding)("replace")
                return piece[len(mark) :]
        return piece


def _decoder(piece: bytes) -> tuple[codecs.IncrementalDecoder, bytes]:
    """By byte order mark or declaration, else UTF-8. Bytes of another encoding become a replacement mark."""
    for mark, encoding in _BOMS:
        if piece.startswith(mark):
            return codecs.getincrementaldecoder(encoding)("replace"), piece[len(mark) :]
    declared = _DECLARED.match(piece[:300].lstrip())
    name = _codec(declared[1].decode("ascii")) if declared else "utf-8"
    return codecs.getincrementaldecoder(name)("replace"), piece


def _codec(encoding: str) -> str:
    """What Python calls the encoding, if it is one that files are written in; not all its codecs are."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        return "utf-8"
    return name if _ENCODINGS.fullmatch(name) else "utf-8"
