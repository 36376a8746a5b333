"""Filters on changes are told in one place, and the client has each of them."""

from typing import get_type_hints

from shared.changes.filters import AskedFilters, FilterParameters, MoveFilter, StoredFilters
from standings.client.asking import Filters


def test_each_filter_is_a_parameter_a_field_of_webhooks_a_condition_and_the_clients() -> None:
    parameters = list(FilterParameters.model_fields)

    assert list(get_type_hints(Filters)) == parameters
    assert list(StoredFilters.model_fields) == list(AskedFilters.model_fields) == list(MoveFilter._fields)
    assert len(MoveFilter._fields) == len(parameters)


def test_what_a_webhook_wants_is_asked_of_the_api_by_every_parameter() -> None:
    stored = StoredFilters.model_validate(
        {"candidates": ["ann"], "policies": ["headcount"], "min_delta": "0.5"}
    )

    asked = FilterParameters.model_validate(stored.parameters())

    assert set(stored.parameters()) == set(FilterParameters.model_fields)
    assert all(one is not None for one in MoveFilter.of(asked))
