"""What Accept and Accept-Encoding ask for, read as RFC 9110 (12.4.2, 12.5.1, 12.5.3) says."""

import pytest

from services.api.answers.formats import FORMATS, Format
from services.api.web import acceptance, replies
from shared.http.problems import NotAcceptable

TEXTS: list[Format] = [form for form, told in FORMATS.items() if told.media_type.startswith("text/")]


def after(form: Format, among: list[Format]) -> Format | None:
    """What is offered first of these when one of them is refused."""
    return next((other for other in among if other != form), None)


@pytest.mark.parametrize(
    ("header", "gzipped"),
    [
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("gzip;q=0.5", True),
        ("gzip ; q=0.001", True),
        ("gzip; Q=1.000", True),
        ("deflate, br;q=0.9, gzip;q=0.1", True),
        ("*", True),
        ("*;q=0.1", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("identity;q=0, gzip", True),
        ("*;q=0, gzip;q=0.2", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("notgzip", False),
        ("gzipped", False),
        ("gzip-not", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("*, gzip;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=half", False),
        ("gzip;q=2", False),
        ("gzip;q=-1", False),
        ("gzip;q=0.1234", False),
        ("gzip;q=", False),
        (",,;q=1,;;,", False),
    ],
)
def test_gzip_is_used_exactly_where_it_is_accepted(header: str, gzipped: bool) -> None:
    assert replies.wants_of([(b"accept-encoding", header.encode())]).accepts_gzip == gzipped


def test_the_lines_of_a_header_are_one_list() -> None:
    lines = [(b"accept-encoding", b"br"), (b"accept", b"image/png")]
    lines += [(b"accept-encoding", b"gzip"), (b"accept", b"text/csv")]
    wants = replies.wants_of(lines)

    assert wants.accepts_gzip
    assert replies.form_of(None, wants.accept) == "csv"


@pytest.mark.parametrize("header", ["identity;q=0", "*;q=0", "br, identity;q=0, gzip;q=0", "*;q=0, gzip;q=0"])
def test_an_answer_that_may_be_in_no_coding_that_we_have_is_refused(header: str) -> None:
    with pytest.raises(NotAcceptable, match="identity"):
        replies.wants_of([(b"accept-encoding", header.encode())])


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("text/csv", "csv"),
        ("TEXT/CSV; Charset=UTF-8", "csv"),
        ("text/csv;q=0.5", "csv"),
        ("text/*", TEXTS[0]),
        ("application/*", "json"),
        ("application/jsonl", "ndjson"),
        ("application/x-parquet", "parquet"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("application/problem+json", "json"),
        # Of equal weights the first is taken.
        ("text/csv, application/json", "csv"),
        ("image/png, application/x-ndjson, text/csv", "ndjson"),
        ("text/csv, */*", "csv"),
        # Of others the heavier.
        ("application/json;q=0.1, text/csv;q=0.9", "csv"),
        ("text/csv;q=0.9, application/json", "json"),
        ("*/*;q=0.1, text/csv;q=0.2", "csv"),
        # The narrower range says how much a format weighs, wherever it stands.
        ("*/*, application/json;q=0", after("json", list(FORMATS))),
        ("application/*;q=0, */*;q=0.5", TEXTS[0]),
        ("text/csv;q=0, text/*", after("csv", TEXTS)),
        ("application/json;q=0", None),
        ("text/csv;q=0.0", None),
        ("image/png", None),
        ("text/csv;q=half", None),
        ("text/csvs", None),
        (",;,", None),
    ],
)
def test_the_format_is_the_one_that_weighs_most(header: str, form: Format | None) -> None:
    if form is None:
        with pytest.raises(NotAcceptable):
            replies.form_of(None, header.encode())
    else:
        assert replies.form_of(None, header.encode()) == form


def test_a_format_that_is_given_goes_before_any_header() -> None:
    assert replies.form_of("parquet", b"text/csv") == "parquet"


@pytest.mark.parametrize(
    ("header", "prefers"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; q=0.3", True),
        ("application/json, text/event-stream", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.5, application/json", False),
        ("text/event-streams", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_events_are_sent_where_they_are_named_and_json_is_not_preferred(header: str, prefers: bool) -> None:
    assert acceptance.prefers_events(header.encode()) == prefers
