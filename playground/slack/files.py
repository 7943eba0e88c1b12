"""Files that apps upload: an address to send the bytes to, then a completion that shares them."""

import secrets
from dataclasses import dataclass, field

from playground.slack.refusal import RefusalError


@dataclass
class File:
    """A file; `content` is None until its bytes came, `shared_in` names the conversations it is seen in."""

    id: str
    name: str
    length: int
    secret: str
    content: bytes | None = None
    title: str = ""
    shared_in: list[str] = field(default_factory=list)


@dataclass
class Files:
    """All files of the workspace, by id."""

    by_id: dict[str, File] = field(default_factory=dict)

    def announce(self, name: str, length: int) -> File:
        """Make room for a file."""
        if not name or length < 1:
            raise RefusalError("invalid_arguments")
        file = File(f"F{secrets.token_hex(5).upper()}", name, length, secrets.token_urlsafe(18))
        self.by_id[file.id] = file
        return file

    def take(self, file_id: str, secret: str, content: bytes) -> bool:
        """Take a file's bytes; False where the address is none, or the length is not the announced one."""
        file = self.by_id.get(file_id)
        if file is None or file.secret != secret or len(content) != file.length:
            return False
        file.content = content
        return True

    def complete(self, file_id: str, title: str) -> File:
        """Return a file whose bytes came."""
        file = self.by_id.get(file_id)
        if file is None or file.content is None:
            raise RefusalError("file_not_found")
        file.title = title or file.name
        return file
