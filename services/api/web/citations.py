"""Standings to cite: a version, a policy and a valid time in the address, the same bytes for ever."""

from urllib.parse import quote

from services.api.answers import views
from services.api.answers.answers import Answers
from services.api.answers.documents import Document
from services.api.answers.questions import PolicyQuestion
from services.api.engine import attribution
from services.api.engine.boards import Board
from services.api.engine.index import Index
from services.api.engine.seen import Seen, seen_at
from services.api.web import replies
from services.api.web.replies import FOR_EVER, Headers, Reply, Wants
from shared.domain.contest import Contest
from shared.domain.errors import NotFound, UnknownVersion
from shared.domain.events import Version
from shared.domain.policies import Policy
from shared.domain.times import Instant, as_cited, end_of, format_instant


class OtherPolicyVersion(NotFound):
    """The policy is there, but not in the version that was cited."""

    code = "other-policy-version"
    title = "Another version of the policy"

    def __init__(self, asked: str, policy: Policy) -> None:
        current = f"{policy.id}@{policy.version}"
        super().__init__("policy", asked, f"policy {asked!r} is not answered here", f"cite {current}")


class Citations:
    """Answers citations."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def reply(
        self, index: Index, seen: Seen, policy: str, valid_at: str, wants: Wants, *, raw: bool
    ) -> Reply:
        """The cited standings. Raises `Refused`, `Reset` where the address says that it is of another history."""
        seen.refuse_other("version", index)
        version = seen.version
        contest, board, instant = self._cited(index, version, policy, valid_at)
        points, lines = board.table(index.at(instant, version), instant)
        # Nothing that may change later: neither the generation nor what was learned since.
        document = Document(
            {
                "contest": contest.id,
                "title": contest.title,
                "clock": contest.clock,
                "version": version,
                "known_at": format_instant(index.known_at(version)),
                "valid_at": {"asked": valid_at, "instant": format_instant(instant)},
                "policy": views.policy_named(board.policy),
                "points": points,
                "available": board.available,
                "standings": lines,
            },
            "standings",
            raw=raw,
        )
        form = replies.form_of(None, wants.accept)
        return replies.reply(
            replies.written(document, form, FOR_EVER, self._since(index, board, version, policy, valid_at)),
            wants,
        )

    def corrections(self, index: Index, seen: Seen, policy: str, valid_at: str) -> Document:
        """Whether the cited standings were corrected since, and what they are now. Raises as `reply` does."""
        seen.refuse_other("version", index)
        version = seen.version
        contest, board, instant = self._cited(index, version, policy, valid_at)
        corrected_by = attribution.corrected_by(index, board, instant, version)
        board_now = self.answers.board(
            index, index.contest(index.version), PolicyQuestion(policy=board.policy.id), board.policy
        )
        now = board_now.table(index.at(instant, index.version), instant)[1]
        return Document(
            {
                "contest": contest.id,
                "cited": f"/v1/contests/{contest.id}/standings/{seen}/{_in_address(policy, valid_at)}",
                "corrected_at": None
                if corrected_by is None
                else format_instant(index.known_at(corrected_by)),
                "corrected_by_version": corrected_by,
                "version": index.version,
                "standings": now,
            },
            "standings",
        )

    def _cited(
        self, index: Index, version: Version, policy: str, valid_at: str
    ) -> tuple[Contest, Board, Instant]:
        if version > index.version:
            raise UnknownVersion("version", version, index.version)
        name, _, number = policy.partition("@")
        chosen = self.answers.policies.find(name)
        if number != str(chosen.version):
            raise OtherPolicyVersion(policy, chosen)
        contest = index.contest(version)
        board = self.answers.board(index, contest, PolicyQuestion(policy=name), chosen)
        # Also in a form that is no longer documented: what was cited once is answered for ever.
        as_cited(valid_at, "valid_at")
        return contest, board, end_of(valid_at, contest.timezone, "valid_at")

    def _since(self, index: Index, board: Board, version: Version, policy: str, valid_at: str) -> Headers:
        instant = end_of(valid_at, board.contest.timezone, "valid_at")
        corrected_by = attribution.corrected_by(index, board, instant, version)
        asked = _in_address(policy, valid_at)
        path = f"/v1/contests/{index.contest_id}/standings"
        # The canonical address also says of which history the version is.
        links = (
            f'<{path}/{version}/{asked}/corrections>; rel="latest-version", '
            f'<{path}/{seen_at(index, version)}/{asked}>; rel="canonical"'
        )
        headers: Headers = [(b"link", links.encode())]
        if corrected_by is not None:
            headers.append((b"standings-corrected-at", format_instant(index.known_at(corrected_by)).encode()))
        return headers


def _in_address(policy: str, valid_at: str) -> str:
    return quote(f"{policy}/{valid_at}", safe="/@:+")
