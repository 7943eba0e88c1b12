"""Personal access tokens: what each may do, and where."""

from dataclasses import dataclass, field

CREATOR = "creator"
WRITING_ROLES = frozenset({CREATOR, "editor"})


@dataclass
class Token:
    """A personal access token.

    Attributes:
        token: the secret that the request carries.
        user: the user it belongs to, `usr...`.
        scopes: what it may be used for.
        bases: the user's role (creator, editor, commenter, read) on each base that the token was given.
        email: told to holders of the scope user.email:read.
        is_revoked: answered as if it did not exist.
        opens_everything: no scope and no base is missing.
    """

    token: str
    user: str
    scopes: list[str]
    bases: dict[str, str]
    email: str | None = None
    is_revoked: bool = field(default=False, compare=False)
    opens_everything: bool = False

    def has_scope(self, scope: str) -> bool:
        """Tell whether the token may be used for this."""
        return self.opens_everything or scope in self.scopes

    def role_on(self, base_id: str) -> str | None:
        """Return the user's role on a base; None: the token does not reach it."""
        return CREATOR if self.opens_everything else self.bases.get(base_id)


def any_token() -> Token:
    """Return what stands for every token where a base file lists none."""
    return Token("", "usrPlayground0001", [], {}, opens_everything=True)
