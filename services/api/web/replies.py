"""Documents as HTTP replies: formats, validators, caching, compression and Memento. Pure."""

import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple
from urllib.parse import quote

from services.api.answers.documents import Document, encode, join
from services.api.answers.formats import FORMATS, Format, write
from services.api.web import acceptance
from services.api.web.cors import ANY_ORIGIN, EXPOSED
from shared.domain.errors import Invalid
from shared.domain.times import Instant, format_instant, instant
from shared.values.dates import read_date

Headers = list[tuple[bytes, bytes]]

# As long as an answer about the closed past is not asked for again. It is not a year because it also tells whether
# anything was revised since.
_PINNED = b"public, max-age=3600, immutable"
_MOVING = b"public, no-cache"
FOR_EVER: Final = b"public, max-age=31536000, immutable"
_SMALL = 1000
COMPRESSION: Final = 5
_VARY = b"accept, accept-encoding, accept-datetime"


class Wants(NamedTuple):
    """What a request's headers ask for."""

    accept: bytes = b""
    accepts_gzip: bool = False
    accepts_identity: bool = True
    if_none_match: bytes = b""
    accept_datetime: bytes = b""


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes


def wants_of(headers: Iterable[tuple[bytes, bytes]]) -> Wants:
    """What these headers ask for; of a header on several lines, the lines are one list. Raises `NotAcceptable`."""
    accept = accept_encoding = if_none_match = accept_datetime = b""
    for name, value in headers:
        if name == b"accept":
            accept = accept + b"," + value if accept else value
        elif name == b"accept-encoding":
            accept_encoding = accept_encoding + b"," + value if accept_encoding else value
        elif name == b"if-none-match":
            if_none_match = if_none_match + b"," + value if if_none_match else value
        elif name == b"accept-datetime":
            accept_datetime = value
    codings = acceptance.codings(accept_encoding) if accept_encoding else acceptance.AS_IT_IS
    return Wants(accept, codings.gzip, codings.identity, if_none_match, accept_datetime)


def form_of(given: Format | None, accept: bytes) -> Format:
    """The format that a request asks for: by `format`, or by its Accept header. Raises `NotAcceptable`."""
    return acceptance.form(accept) if given is None else given


class Written(NamedTuple):
    """A document written in a format, without its times, and the tag that tells it from others."""

    rest: bytes
    tag: bytes
    form: Format
    times: bytes
    headers: Headers


def written(
    document: Document,
    form: Format,
    cache: bytes,
    headers: Iterable[tuple[bytes, bytes]] = (),
    identity: object = None,
) -> Written:
    """Writes a document.

    Its tag is made of `identity` where that tells everything the document depends on, else of its bytes. Then it leaves
    the times out unless they are pinned: they move with the clock.
    """
    rest = encode(document.value) if form == "json" else write(document, form)
    made_of = repr(identity).encode() if identity else rest
    return headed(document, form, cache, made_of, headers, rest)


def of_bytes(document: Document, form: Format, cache: bytes, rest: bytes) -> Written:
    """A document that was written already, JSON without its times; its tag is made of its bytes."""
    return headed(document, form, cache, rest, rest=rest)


def headed(
    document: Document,
    form: Format,
    cache: bytes,
    made_of: bytes,
    headers: Iterable[tuple[bytes, bytes]] = (),
    rest: bytes = b"",
) -> Written:
    """A document with its headers and a tag of what it is made of; `rest` is left out where it is not written yet."""
    times = encode(document.times)
    key = blake2b(made_of, digest_size=12)
    key.update(b"raw csv" if document.raw and form == "csv" else form.encode())
    if cache != _MOVING:
        key.update(times)
    always = [
        (b"content-type", FORMATS[form].media_type.encode()),
        (b"cache-control", cache),
        (b"etag", b'W/"' + key.hexdigest().encode() + b'"'),
        (b"vary", _VARY),
        ANY_ORIGIN,
        EXPOSED,
        *headers,
    ]
    return Written(rest, always[2][1], form, times, always)


def has_it(written: Written, wants: Wants) -> bool:
    """Whether the request names the document's tag in If-None-Match."""
    return bool(wants.if_none_match) and _matches(wants.if_none_match, written.tag)


def reply(written: Written, wants: Wants, times: bytes | None = None) -> Reply:
    """The reply to a request; `times`, as JSON, replace the written's own."""
    if has_it(written, wants):
        return Reply(304, written.headers[1:], b"")
    body = (
        join(written.times if times is None else times, written.rest)
        if written.form == "json"
        else written.rest
    )
    if wants.accepts_gzip and (_is_worth_packing(written, body) or not wants.accepts_identity):
        packed = gzip.compress(body, COMPRESSION, mtime=0)
        length = str(len(packed)).encode()
        return Reply(
            200, [*written.headers, (b"content-encoding", b"gzip"), (b"content-length", length)], packed
        )
    return Reply(200, [*written.headers, (b"content-length", str(len(body)).encode())], body)


def _is_worth_packing(written: Written, body: bytes) -> bool:
    return len(body) >= _SMALL and FORMATS[written.form].is_text


def cache_of(pinned: bool) -> bytes:
    """`immutable` exactly when both times are pinned to the closed past."""
    return _PINNED if pinned else _MOVING


def _matches(if_none_match: bytes, tag: bytes) -> bool:
    tags = [part.strip().removeprefix(b"W/") for part in if_none_match.split(b",")]
    return b"*" in tags or tag.removeprefix(b"W/") in tags


@lru_cache(maxsize=4096)
def http_date(at: int) -> bytes:
    """An instant as HTTP writes it, in whole seconds."""
    return format_datetime(datetime.fromtimestamp(at // 1_000_000, UTC), usegmt=True).encode()


def accepted_instant(accept_datetime: bytes) -> Instant:
    """The instant that Accept-Datetime means: the end of its second. Raises `Invalid`."""
    text = accept_datetime.decode("latin-1")
    try:
        moment = read_date(text)
        if moment.tzinfo is None:
            raise ValueError
        return Instant(instant(moment) + 999_999)
    except ValueError:
        raise Invalid(
            "Accept-Datetime",
            text[:100],
            f"Accept-Datetime {text[:100]!r} is not an HTTP date",
            "write it as Thu, 31 May 2007 20:35:00 GMT",
        ) from None


class Mementos(NamedTuple):
    """The addresses of a contest's standings by known time (RFC 7089).

    They are of a `valid_at` if it is given, else of the known time itself. `asked` is what else was asked for, as in an
    address.
    """

    contest: str
    first: int
    last: int
    valid_at: str | None = None
    asked: str = ""

    def headers(self, memento_at: Instant | None, chosen: Instant | None = None) -> Headers:
        """`Link`, for a memento `Memento-Datetime`, and its own address where its known time was negotiated."""
        base = f"/v1/contests/{self.contest}"
        links = [
            f'<{base}/standings>; rel="original timegate"',
            f'<{base}/timemap>; rel="timemap"; type="application/link-format"',
        ]
        headers: Headers = []
        if memento_at is not None:
            headers.append((b"memento-datetime", http_date(memento_at)))
        if chosen is not None:
            links += [self.link(self.first, "first memento"), self.link(self.last, "last memento")]
            headers.append((b"content-location", self.address(chosen).encode()))
        return [(b"link", ", ".join(links).encode()), *headers]

    def link(self, known_at: int, relation: str) -> str:
        """The link to the memento of a known time."""
        date = http_date(known_at).decode()
        return f'<{self.address(known_at)}>; rel="{relation}"; datetime="{date}"'

    def address(self, known_at: int) -> str:
        """What was shown at an instant: what was known then."""
        at = quote(format_instant(known_at))
        valid_at = at if self.valid_at is None else quote(self.valid_at)
        asked = f"&{self.asked}" if self.asked else ""
        return f"/v1/contests/{self.contest}/standings?valid_at={valid_at}&known_at={at}{asked}"
