"""The switches of the emulator: what Airtable does not document, does differently by plan, or did before."""

from dataclasses import dataclass


@dataclass
class Behaviour:
    """How the emulated Airtable behaves; mutable, so that a running emulator can be changed.

    Attributes:
        requests_per_second: allowed on one base; None switches the limit off.
        user_requests_per_second: allowed to one user over all tokens and bases; None switches it off.
        strict_rate_limit: going over the limit locks the base (or user) for `lock_seconds`; otherwise only the
            surplus requests are refused.
        lock_seconds: how long a lock lasts.
        plural_rate_error: a 429 says `{"errors": [...]}`, as seen lately; else `{"error": {...}}`.
        iterator_seconds: idle time after which a list's offset is no longer known.
        clamp_page_size: a page size over 100 counts as 100; else it is refused.
        atomic_batches: a write request with one bad record changes nothing; else the records before it stay.
        long_text_limit: most characters that a text cell takes.
        long_text_error: error type where a text is longer.
        url_limit: a request's URL must be shorter than this many characters.
        url_error_status: status where it is not.
        scopes_in_whoami: whoami tells a token's scopes, as it does for OAuth tokens only.
        read_delay_seconds: how long lists show a record as it was before a write.
        monthly_calls: that the workspace may send in a calendar month; None: any number.
        meta_calls_count: whether calls of /v0/meta and of webhooks count; /v0/meta is never refused for it.
        hooks_forbidden: nobody may make or list webhooks, whatever the token says.
        refuse_null_url: an explicit null as a webhook's notificationUrl is refused.
        payload_records: a write of more records is told in several payloads of one transaction; None: never.
        half_filled_creates: a record's creation is told before its cells are.
        option_edits_in_payloads: an edit of a select's options, or of a formula, is told as a changed field.
        restores_in_payloads: a record that comes back from the trash is told as a created one.
    """

    requests_per_second: float | None = 5
    user_requests_per_second: float | None = 50
    strict_rate_limit: bool = True
    lock_seconds: float = 30
    plural_rate_error: bool = True
    iterator_seconds: float = 300
    clamp_page_size: bool = False
    atomic_batches: bool = True
    long_text_limit: int = 100_000
    long_text_error: str = "INVALID_VALUE_FOR_COLUMN"
    url_limit: int = 16_000
    url_error_status: int = 422
    scopes_in_whoami: bool = False
    read_delay_seconds: float = 0
    monthly_calls: int | None = None
    meta_calls_count: bool = True
    hooks_forbidden: bool = False
    refuse_null_url: bool = False
    payload_records: int | None = None
    half_filled_creates: bool = False
    option_edits_in_payloads: bool = True
    restores_in_payloads: bool = True
