"""How a new command is worded: its texts without odd characters, its times as they are documented. Pure.

Only what is to be recorded is measured by this. What was recorded before reads as it was written, and a command that
was taken before is answered as it was, whatever it holds.
"""

from pydantic import BaseModel

from shared.domain.errors import Invalid
from shared.domain.times import as_documented
from shared.values.text import unfit_in_line, unfit_in_lines

_OF_LINES = frozenset({"note", "quote"})


def refuse_odd(said: BaseModel, within: str = "") -> None:
    """Raises `Invalid` if a text or a time in it is worded oddly, naming its field, which begins with `within`."""
    # Every line of a batch passes here: most texts are let go without asking what their field is called.
    for name, value in said.__dict__.items():
        if isinstance(value, str):
            if name.endswith("_at"):
                as_documented(value, within + name)
            elif not value.isprintable():
                _refuse_odd_text(value, name, within)
        elif value is not None and isinstance(value, BaseModel):
            refuse_odd(value, f"{within}{name}.")
        elif isinstance(value, list):
            for place, item in enumerate(value):
                refuse_odd(item, f"{within}{name}.{place}.")


def _refuse_odd_text(text: str, name: str, within: str) -> None:
    unfit = unfit_in_lines(text) if name in _OF_LINES else unfit_in_line(text)
    if unfit:
        raise Invalid(within + name, text, f"{within}{name}: {unfit}", "leave this character out")
