"""Reads the text of a formula into a tree. What a tree means is said in `formulas`."""

import re
from dataclasses import dataclass
from typing import NamedTuple


class FormulaSyntaxError(Exception):
    """The text is no formula."""


@dataclass(frozen=True)
class Literal:
    """A number or a string."""

    value: float | str


@dataclass(frozen=True)
class FieldReference:
    """A field by name or id, as written."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function (name in capitals) with its arguments."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Binary:
    """Two operands and the operator between them."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Negation:
    """Unary minus."""

    operand: "Node"


Node = Literal | FieldReference | Call | Binary | Negation


class _Token(NamedTuple):
    kind: str
    text: str


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?|\.\d+)
      | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | \{(?P<field>(?:\\.|[^\\}])*)\}
      | (?P<name>[^\W\d]\w*)
      | (?P<operator><=|>=|!=|[-+*/&=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_STRING_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_PRECEDENCE = {"=": 1, "!=": 1, "<": 1, ">": 1, "<=": 1, ">=": 1, "&": 2, "+": 3, "-": 3, "*": 4, "/": 4}
_END = _Token("end", "")


def parse(text: str) -> Node:
    """Return the tree of a formula.

    Raises:
        FormulaSyntaxError: the text is no formula.
    """
    parser = _Parser(_tokens(text))
    tree = parser.expression(0)
    parser.expect("end", "")
    return tree


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise FormulaSyntaxError(f"unexpected character at {position}")
        tokens.append(_Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    tokens.append(_END)
    return tokens


class _Parser:
    """A Pratt parser: each operator binds as strongly as `_PRECEDENCE` says, to the left first."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0

    def expression(self, minimum: int) -> Node:
        left = self._operand()
        while True:
            token = self._tokens[self._position]
            precedence = _PRECEDENCE.get(token.text, 0) if token.kind == "operator" else 0
            if precedence <= minimum:
                return left
            self._position += 1
            left = Binary(token.text, left, self.expression(precedence))

    def expect(self, kind: str, text: str) -> None:
        if self._next() != _Token(kind, text):
            raise FormulaSyntaxError(f"expected {text or kind}")

    def _operand(self) -> Node:
        token = self._next()
        match token.kind:
            case "number":
                number = float(token.text)
                return Literal(int(number) if number.is_integer() else number)
            case "string":
                return Literal(_ESCAPED.sub(_unescape, token.text[1:-1]))
            case "field":
                return FieldReference(_ESCAPED.sub(r"\1", token.text))
            case "name":
                return self._call(token.text) if self._skip("(") else FieldReference(token.text)
        if token.text == "(":
            inner = self.expression(0)
            self.expect("operator", ")")
            return inner
        if token.text == "-":
            return Negation(self.expression(_PRECEDENCE["*"]))
        if token.text == "+":
            return self.expression(_PRECEDENCE["*"])
        raise FormulaSyntaxError(f"unexpected {token.text or 'end'}")

    def _call(self, name: str) -> Call:
        arguments: list[Node] = []
        if not self._skip(")"):
            arguments.append(self.expression(0))
            while self._skip(","):
                arguments.append(self.expression(0))
            self.expect("operator", ")")
        return Call(name.upper(), tuple(arguments))

    def _skip(self, operator: str) -> bool:
        if self._tokens[self._position] != _Token("operator", operator):
            return False
        self._position += 1
        return True

    def _next(self) -> _Token:
        token = self._tokens[self._position]
        if token.kind != "end":
            self._position += 1
        return token


def _unescape(match: re.Match[str]) -> str:
    # A backslash before anything else stays: regular expressions are written in these strings.
    return _STRING_ESCAPES.get(match[1], match[0])
