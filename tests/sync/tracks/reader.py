"""A process that reads one file made to hurt, and tells why it was refused and by how much it grew.

python -m tests.sync.tracks.reader KIND
"""

import io
import sys

from sync.tracks.errors import NotReadable
from sync.tracks.reading import read_tracks
from tests.sync.tracking.worker import peak_megabytes

COUNT = 300_000


def content_of(kind: str) -> bytes:
    """Some megabytes."""
    out = io.BytesIO()
    out.write(b"<gpx><trk>")
    if kind == "attributes":
        out.write(b"<a ")
    form = {"attributes": b' a%d="%d"', "names of attributes": b'<a a%d="%d"/>'}.get(kind, b"<a%d>%d</a%d>")
    for number in range(COUNT):
        out.write(form % ((number,) * form.count(b"%d")))
    return out.getvalue()


if __name__ == "__main__":
    stream = io.BytesIO(content_of(sys.argv[1]))
    before, reason = peak_megabytes(), ""
    try:
        read_tracks("a.gpx", stream)
    except NotReadable as error:
        reason = error.reason
    sys.stdout.write(f"{peak_megabytes() - before}\n{reason}\n")
