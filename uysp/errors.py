"""Errors that a person can cause or mend: one sentence, an exit status, a reference where a log has more.

Everything else is a bug and keeps its traceback.
"""

import secrets


class UyspError(Exception):
    """One sentence for a person: what happened, whether anything changed, what to do.

    Attributes:
        exit_status: what the command line ends with.
    """

    exit_status = 1


class ConfigurationError(UyspError):
    """A setting is missing or wrong; nothing was changed."""

    exit_status = 2


class DatabaseError(UyspError):
    """The database cannot be started or reached, or is not one we can work with."""


class BusyError(UyspError):
    """Somebody else is at the same work."""


class AirtableError(UyspError):
    """Airtable refused, or could not be reached.

    Attributes:
        status: the HTTP status, or None where no answer came.
        error_type: Airtable's error type, such as `INVALID_PERMISSIONS`, or None.
    """

    def __init__(self, message: str, *, status: int | None = None, error_type: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type


def reference_id() -> str:
    """Return a short random id that ties what a person reads to a line in the log."""
    return secrets.token_hex(4).upper()
