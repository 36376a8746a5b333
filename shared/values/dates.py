"""Dates in headers (RFC 9110, 5.6.7)."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

# Four digits behind the month that e-mail's rules take for two, and put into 1969 to 2068.
_EARLY_YEAR = re.compile(r"[a-z]{3}[ -]+(00[0-9]{2})\b", re.IGNORECASE)


def read_date(text: str) -> datetime:
    """The moment that a date means, with its offset if it has one. Raises `ValueError`."""
    try:
        moment = parsedate_to_datetime(text)
        early = _EARLY_YEAR.search(text)
        return moment.replace(year=int(early[1])) if early else moment
    except (TypeError, OverflowError, IndexError) as error:
        raise ValueError(str(error)) from None
