"""How Slack says no."""

from typing import Any


class RefusalError(Exception):
    """Slack says no: the `error` of the answer, and what else the answer carries."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.answer: dict[str, Any] = {"ok": False, "error": error, **more}
