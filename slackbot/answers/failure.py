"""What people read while the database is away or too slow; the log has the detail under the same reference."""

import logging

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from uysp.database import as_database_error
from uysp.errors import DatabaseError, reference_id

DATABASE_ERRORS = (DBAPIError, PoolTimeoutError)
NO_ANSWER = "there is no answer; nothing was changed"
NOT_STORED = "nothing was stored"

_log = logging.getLogger(__name__)


def database_failure(error: DBAPIError | PoolTimeoutError, what: str, so: str = NO_ANSWER) -> DatabaseError:
    """Log what the database said (neither statement nor values, which may be personal) and return what people read.

    Args:
        error: what was raised.
        what: for the log, as the verb that was asked.
        so: what that means for the person.
    """
    reference = reference_id()
    if isinstance(error, PoolTimeoutError):
        _log.error("%s: %s failed: no free connection", reference, what)
        waiting = "Too many questions are being answered, so" if so == NO_ANSWER else "Too much is being done, so"
        return DatabaseError(f"{waiting} {so}; try again in a minute. Reference {reference}.")
    said = str(as_database_error(error))
    _log.error("%s: %s failed: %s: %s", reference, what, type(error.orig).__name__, said)
    if getattr(error.orig, "sqlstate", None) == "57014":  # query_canceled: our statement timeout
        return DatabaseError(f"The database took too long, so {so}; try again. Reference {reference}.")
    if so == NOT_STORED and error.connection_invalidated and error.statement is None:  # lost at the commit itself
        return DatabaseError(
            "The database stopped answering, so it is not known whether this was stored; look with /uysp history "
            f"before you ask again. Reference {reference}."
        )
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) is None:
        return DatabaseError(f"The database cannot be reached, so {so}. Try again in a minute. Reference {reference}.")
    return DatabaseError(f"The database could not answer, so {so}. Reference {reference}.")
