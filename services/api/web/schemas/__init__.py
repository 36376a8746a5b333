"""What the API answers with, as models for its OpenAPI document. No answer is made or checked with them."""

from services.api.web.schemas.changes import Changes, ContestChanges
from services.api.web.schemas.contests import Candidates, Certificates, Contest, Contests
from services.api.web.schemas.endorsements import Diff, Endorsements, Events, OneEndorsement, Revisions
from services.api.web.schemas.over_time import RevisionRisk, Timeline
from services.api.web.schemas.policies import Policies, Policy
from services.api.web.schemas.standings import CitedStandings, Corrections, Standings
from shared.http.problem_schema import Problem

# One for each kind of answer; the document has them with all that they are made of.
MODELS = (
    Candidates,
    Certificates,
    Changes,
    CitedStandings,
    Contest,
    ContestChanges,
    Contests,
    Corrections,
    Diff,
    Endorsements,
    Events,
    OneEndorsement,
    Policies,
    Policy,
    Problem,
    RevisionRisk,
    Revisions,
    Standings,
    Timeline,
)
