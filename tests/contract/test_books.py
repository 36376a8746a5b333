"""Commands for contests whose books were dropped are taken as if they had been kept."""

import pytest

from services.ingest import books
from services.ingest.decision.submission import Taken
from tests.bench import Bench, on
from tests.builders import announcement, command, opening


def test_contests_that_do_not_fit_together_are_recorded_by_turns(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "MOST_IN_ALL", 3)
    contests = [f"race-{number}" for number in range(3)]

    async def by_turns(bench: Bench) -> list[int]:
        for contest in contests:
            await bench.desk.take(opening(contest=contest))
        for number in range(4):
            for contest in contests:
                said = {"contest": contest, "id": f"{contest}-{number}"}
                taken = await bench.desk.take(announcement(f"e{number}", f"p{number}", **said))
                assert bench.desk.books.endorsements <= max(3, number + 1)
                again = await bench.desk.take(announcement(f"e{number}", f"p{number}", **said))
                assert isinstance(taken, Taken)
                assert again.version == taken.version
        for contest in contests:
            await bench.desk.take(command("retract", contest=contest, endorsement="e0"))
        return [await bench.log.version(contest) for contest in contests]

    assert on(redis_url, by_turns) == [9, 9, 9]
