"""Asking Standings, and following its changes: `Client`, and `AsyncClient` for asyncio."""

from standings.client.aio import AsyncClient
from standings.client.errors import Gap, OutOfReach, Problem, Reset, StandingsError
from standings.client.models import (
    Candidate,
    Cause,
    Change,
    Contest,
    Line,
    Move,
    Place,
    PointInTime,
    Posting,
    Scores,
    Standings,
    Timeline,
)
from standings.client.projection import Differs, LocalCopy
from standings.client.sync import Client

__all__ = [
    "AsyncClient",
    "Candidate",
    "Cause",
    "Change",
    "Client",
    "Contest",
    "Differs",
    "Gap",
    "Line",
    "LocalCopy",
    "Move",
    "OutOfReach",
    "Place",
    "PointInTime",
    "Posting",
    "Problem",
    "Reset",
    "Scores",
    "Standings",
    "StandingsError",
    "Timeline",
]
