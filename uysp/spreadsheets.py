"""Cells of files that people open in a spreadsheet."""

import re

# After OWASP's page on CSV injection: what starts with one of = + - @, wide forms among them, also after a semicolon,
# at which half of the world's spreadsheets start a cell.
_FORMULA = re.compile(r"""((?:^|;)["'\s]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20\u2212])""")


def defused(text: str) -> str:
    """Return a text that a spreadsheet shows as text: what it would run as a formula gets an apostrophe before it."""
    return _FORMULA.sub(r"\1'", text)
