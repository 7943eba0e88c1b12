"""Airtable's refusals: each function is one error as it looks on the wire (research/airtable.md section 1.9)."""

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """An answer other than 200.

    Attributes:
        status: HTTP status.
        body: JSON body.
        headers: headers beside the usual ones.
    """

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


def refusal(status: int, error_type: str, message: str | None = None) -> Refusal:
    """Return a refusal in the usual shape; Airtable leaves the message out of a few."""
    error = {"type": error_type} if message is None else {"type": error_type, "message": message}
    return Refusal(status, {"error": error})


def authentication_required() -> Refusal:
    """The token is absent, unknown or revoked."""
    return refusal(401, "AUTHENTICATION_REQUIRED", "Authentication required")


def forbidden_or_unknown() -> Refusal:
    """A base or table that does not exist, that the token does not reach, or a scope that it lacks."""
    return refusal(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and your token have "
        "the required permissions, and that the model names and/or ids are correct.",
    )


def not_permitted() -> Refusal:
    """The user's own role on the base does not allow this."""
    return refusal(403, "INVALID_PERMISSIONS", "You are not permitted to perform this operation")


def bad_route() -> Refusal:
    """Nothing answers at this path."""
    return Refusal(404, {"error": "NOT_FOUND"})


def record_not_found() -> Refusal:
    """The record is nowhere in the base."""
    return refusal(404, "MODEL_ID_NOT_FOUND", "Record not found")


def unreadable_body() -> Refusal:
    """The body is no JSON; status documented, type not."""
    return refusal(400, "INVALID_REQUEST_BODY", "Could not parse request body")


def invalid_request() -> Refusal:
    """Parameters that make no sense."""
    return refusal(
        422,
        "INVALID_REQUEST_UNKNOWN",
        "Invalid request: parameter validation failed. Check your request data.",
    )


def missing_fields() -> Refusal:
    """A write without cells."""
    return refusal(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')


def invalid_records() -> Refusal:
    """More than ten records in a write, or none."""
    return refusal(
        422,
        "INVALID_RECORDS",
        'You must provide an array of up to 10 record objects, each with an "id" ID field and a "fields" object '
        "for cell values.",
    )


def unknown_field(name: str) -> Refusal:
    """A field name or id that the table does not have."""
    return refusal(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def unknown_view(name: str) -> Refusal:
    """A view that the table does not have."""
    return refusal(422, "VIEW_NAME_NOT_FOUND", f"View {name} not found")


def row_does_not_exist(record_id: str) -> Refusal:
    """A write to, or a link to, a record that is not there."""
    return refusal(422, "ROW_DOES_NOT_EXIST", f"Record ID {record_id} does not exist in this table")


def computed_field(name: str) -> Refusal:
    """A value for a field that Airtable computes."""
    return refusal(
        422,
        "INVALID_VALUE_FOR_COLUMN",
        f'Field "{name}" cannot accept a value because the field is computed',
    )


def invalid_value(name: str, error_type: str = "INVALID_VALUE_FOR_COLUMN") -> Refusal:
    """A value of the wrong type or shape."""
    return refusal(422, error_type, f'Field "{name}" cannot accept the provided value')


def unknown_option(option: str) -> Refusal:
    """A select option that does not exist and may not be created."""
    return refusal(
        422,
        "INVALID_MULTIPLE_CHOICE_OPTIONS",
        f'Insufficient permissions to create new select option "{option}"',
    )


def invalid_filter(reason: str) -> Refusal:
    """A formula that cannot be read or names unknown fields."""
    return refusal(422, "INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {reason}")


def invalid_offset(offset: str) -> Refusal:
    """An offset that Airtable never gave."""
    return refusal(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")


def iterator_not_available() -> Refusal:
    """An offset that Airtable gave but no longer knows; the reader must start anew."""
    return refusal(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")


def rate_limited(*, plural: bool) -> Refusal:
    """Too many requests."""
    return _throttled("RATE_LIMIT_REACHED", "Rate limit exceeded. Please try again later", plural=plural)


def billing_limited(*, plural: bool) -> Refusal:
    """The workspace's calls of this month are used up; waiting does not help."""
    return _throttled(
        "PUBLIC_API_BILLING_LIMIT_EXCEEDED",
        "API billing plan limit exceeded. You've reached the maximum number of requests allowed for this month.",
        plural=plural,
    )


def server_failure(status: int) -> Refusal:
    """A failure on Airtable's side: 503 has a documented body, the others promise none."""
    if status == 503:
        message = "Server encountered an error while processing your request, and it is safe to retry the request"
        return Refusal(status, {"error": {"type": "RETRIABLE_ERROR", "message": message}})
    return Refusal(status, {"error": {"type": "SERVER_ERROR"}})


def _throttled(error_type: str, message: str, *, plural: bool) -> Refusal:
    if plural:
        return Refusal(429, {"errors": [{"error": error_type, "message": message}]})
    return refusal(429, error_type, message)
