"""A backup is read as if a stranger sent it: what no log says is refused, and nothing of it comes into the server."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis import Redis

from services.backups.app import create_app
from services.backups.backup import Backups
from shared.runtime.settings import Settings
from tests import backups
from tests.backups import announcement, log, opening, packed


def restored(content: bytes, url: str, directory: Path) -> None:
    """Restores a file with this content."""
    file = directory / "forged.ndjson.gz"
    file.write_bytes(content)

    async def restore() -> None:
        archiver = create_app(Settings(redis_url=url), lambda contest, events: None)
        try:
            await archiver.backups.restore(file)
        finally:
            await archiver.deployment.close()

    asyncio.run(restore())


def refused(content: bytes, url: str, directory: Path) -> str:
    """Why a file is refused; nothing of it is in the server."""
    with pytest.raises(Exception) as found:  # noqa: PT011 - its kind is asserted below
        restored(content, url, directory)
    assert type(found.value).__name__ == "Unusable", repr(found.value)
    with Redis.from_url(url) as client:
        assert client.keys("*") == []
    return str(found.value)


def changed(version: int, **fields: str | None) -> list[Any]:
    """A log in which one entry's fields are others; None takes one away."""
    entries = log("race")
    said = {**entries[version - 1][1], **fields}
    entries[version - 1][1] = {name: text for name, text in said.items() if text is not None}
    return entries


def facts(version: int, **other: object) -> list[Any]:
    """A log in which one event says something else."""
    data = orjson.loads(log("race")[version - 1][1]["data"])
    return changed(version, data=orjson.dumps({**data, **other}).decode())


def test_a_backup_made_by_hand_is_restored(redis_url: str, tmp_path: Path) -> None:
    restored(packed(("race", log("race")), ("x.y_z-0", log("x.y_z-0", 1))), redis_url, tmp_path)

    with Redis.from_url(redis_url) as client:
        assert client.smembers("standings:{p00}:contests") == {b"race", b"x.y_z-0"}
        assert client.hgetall("standings:policies") == {b"headcount@1": b"0" * 32}


@pytest.mark.parametrize(
    "contest",
    ["../pwned", "/pwned", "..", "", "a/b", "a\n", "\0", "A", "a" * 121, "{p01}:x", "\u202egnp"],
)
def test_a_contest_whose_id_no_door_takes(redis_url: str, tmp_path: Path, contest: str) -> None:
    said = refused(packed((contest, log(contest))), redis_url, tmp_path)

    assert "that is no contest's id" in said
    assert said.isprintable()


@pytest.mark.parametrize("contest", [None, 7, ["race"], {"race": 1}, True])
def test_a_contest_whose_id_is_no_text(redis_url: str, tmp_path: Path, contest: Any) -> None:
    refused(packed((contest, log("race"))), redis_url, tmp_path)


def test_a_contest_that_comes_twice(redis_url: str, tmp_path: Path) -> None:
    assert "comes twice" in refused(
        packed(("race", log("race", 2)), ("race", log("race", 3))), redis_url, tmp_path
    )


@pytest.mark.parametrize(
    "entries",
    [
        log("race")[1:],
        [*log("race"), *log("race")],
        log("race")[::2],
        [[0, *log("race")[0][1:]], *log("race")],
        [[True, *log("race")[0][1:]]],
        [[1.0, *log("race")[0][1:]]],
        [["1", *log("race")[0][1:]]],
        [b'[1180591620717411303424,{},""]\n'],
        [[1, opening("race")]],
        [[1, opening("race"), "", ""]],
        [[1, opening("race"), None]],
        [[1, opening("race"), "not a digest"]],
        [[1, None, ""]],
        [[1, {}, ""]],
        [[1, {"id": 7}, ""]],
        [[]],
        [[1, opening("other"), ""]],
        [[1, announcement(1), ""]],
        [[1, opening("race"), ""], [2, {**opening("race"), "id": "other"}, ""]],
        [b"[" * 5000 + b"]" * 5000 + b"\n"],
        [b'[1,{"id":"\\ud800"},""]\n'],
        [b"[" + b"1" * 5000 + b"]\n"],
        [b"[1,\xff\xfe]\n"],
        [b"\n"],
        [b"null\n"],
    ],
)
def test_entries_that_no_log_has(redis_url: str, tmp_path: Path, entries: list[Any]) -> None:
    assert refused(packed(("race", entries)), redis_url, tmp_path).isprintable()


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (changed(3, id=None), "has fields"),
        (changed(3, id=""), "has id ''"),
        (changed(3, id="a b"), "has id 'a b'"),
        (changed(3, id="a" * 211), "has id"),
        (changed(3, id="id-2"), "has id 'id-2', which came before"),
        (changed(3, type=None), "has no event"),
        (changed(3, type="x" * 200 + ".v1"), "has no event"),
        (changed(3, type="no.number"), "has no event"),
        (changed(3, data=None), "has no event"),
        (changed(3, data="{}"), "has no event"),
        (changed(3, data="[" * 5000), "has no event"),
        (changed(3, type="later.v2", data="[1]"), "has no event"),
        (changed(3, known_at=None), "has fields"),
        (changed(3, known_at="yesterday"), "has known_at 'yesterday'"),
        (changed(3, known_at="2025-03-01T00:00:00Z"), "has known_at"),
        (changed(3, known_at="2025-13-01T00:00:00.000000Z"), "has known_at"),
        (changed(3, known_at="2025-02-01T00:00:00.000000Z"), "before 2025-03-01"),
        (changed(3, recorded_at="2025-03-01T00:00:00.000003Z"), "has fields"),
        (changed(3, more="x"), "has fields"),
        (facts(1, clock="imported"), "has fields"),
        (facts(1, timezone="Nowhere"), "has timezone"),
        (facts(1, timezone="../../etc/passwd"), "has timezone"),
        (facts(3, candidate="../x"), "has candidate"),
        (facts(3, endorser={"id": "../x", "name": "P"}), "has endorser"),
        (facts(3, members=10**10 + 1), "has members"),
        (facts(3, members=-1), "has members"),
        (facts(3, announced_at="yesterday"), "is not a time"),
        (facts(3, note="x" * 2001), "has note of 2001 characters"),
        (facts(3, endorser={"id": "p", "name": "x" * 2001}), "has name of 2001 characters"),
        (facts(3, source={"url": "x" * 2001}), "has url of 2001 characters"),
        (facts(3, **{"x\x1b[31m" * 100: 1}), "has no event"),
    ],
)
def test_an_entry_says_what_no_log_says(
    redis_url: str, tmp_path: Path, entries: list[Any], complaint: str
) -> None:
    said = refused(packed(("race", entries)), redis_url, tmp_path)

    assert complaint in said
    assert said.isprintable()
    assert len(said) < 1200


@pytest.mark.parametrize(
    "policies", [{"../x@1": "0" * 32}, {"a@1": "no digest"}, {"a": "0" * 32}, {"a@1": 7}, None, []]
)
def test_policies_that_no_server_has(redis_url: str, tmp_path: Path, policies: Any) -> None:
    assert "manifest" in refused(packed(("race", log("race")), policies=policies), redis_url, tmp_path)


@pytest.mark.parametrize("header", [{"standings_backup": True}, {"standings_backup": 2}, {"x": 1}, [1], "x"])
def test_a_header_of_something_else(redis_url: str, tmp_path: Path, header: object) -> None:
    refused(packed(("race", log("race")), header=header), redis_url, tmp_path)


def test_a_part_is_missing_or_of_another_kind(redis_url: str, tmp_path: Path) -> None:
    """Each line is left out, put twice, or in its place another value, and no hash is made to fit."""
    whole = list(backups.lines([("race", log("race"))]))
    for place in range(len(whole)):
        for other in ([], [whole[place]] * 2, [b"{}\n"], [b"[]\n"], [b'{"manifest":7,"policies":{}}\n']):
            forged = b"".join([*whole[:place], *other, *whole[place + 1 :]])
            refused(gzip.compress(forged, 1), redis_url, tmp_path)


def test_an_event_of_a_later_release_is_brought_as_it_is(redis_url: str, tmp_path: Path) -> None:
    entries = changed(3, type="endorsement.weighed.v2", data='{"anything":{"at":["all"]}}')

    restored(packed(("race", entries)), redis_url, tmp_path)

    with Redis.from_url(redis_url) as client:
        found: Any = client.xrange("standings:{p00}:c:race:log", "3-0", "3-0")
        assert found[0][1][b"type"] == b"endorsement.weighed.v2"


def test_a_file_that_changes_after_it_was_checked_leaves_nothing(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = Backups._refuse_occupied

    async def then_changed(self: Backups, backup: Any) -> None:
        await compared(self, backup)
        forged = packed(("other", log("other")), ("race", facts(3, candidate="bob")))
        (tmp_path / "forged.ndjson.gz").write_bytes(forged)

    monkeypatch.setattr(Backups, "_refuse_occupied", then_changed)
    refused(packed(("other", log("other")), ("race", log("race"))), redis_url, tmp_path)
