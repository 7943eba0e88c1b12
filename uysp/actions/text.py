"""What people type, made fit for a cell that others read: Slack's tokens as plain text, elements of HTML taken out.

Airtable and Slack show plain text, but other programs render these cells as pages. Only what HTML defines is taken out;
whatever else stands between < and > stays as it was typed.
"""

import html
import re
from collections.abc import Callable
from typing import Final

import bleach
from bleach.html5lib_shim import HTML_TAGS

from uysp.errors import UyspError
from uysp.storable import storable

# bleach's list has today's elements; these are of older pages and of documents inside pages, and browsers know them.
_OLDER: Final = """
    acronym applet basefont bgsound big blink center command dir font frame frameset image isindex listing marquee math
    menuitem multicol nextid nobr noembed noframes plaintext rb rtc search spacer strike svg tt xmp
"""
ELEMENTS: Final = HTML_TAGS | frozenset(_OLDER.split())
# These mean nothing but a look or a kind of text. With bare words behind it, such a name is prose: a<b and c>d.
_INERT_NAMES: Final = """
    a abbr b bdi bdo big cite code data del dfn em i ins kbd mark p pre q s samp small span strike strong sub sup time
    tt u var
"""
_INERT: Final = frozenset(_INERT_NAMES.split())
# Attributes that mean something without a value.
_BARE_NAMES: Final = """
    allowfullscreen alpha async autofocus autoplay checked class contenteditable controls default defer disabled
    download draggable formnovalidate hidden href id inert ismap itemscope loop multiple muted name nomodule novalidate
    open playsinline popover readonly required reversed selected spellcheck src style tabindex title translate
"""
_BARE_ATTRIBUTES: Final = frozenset(_BARE_NAMES.split())
_TAG_START: Final = re.compile(r"<(?P<slash>/?)(?P<name>[A-Za-z][^\s/>]*)(?P<rest>[^<>]*)(?P<end>>?)")
_ENTITY: Final = re.compile(r"&(?:#[0-9]+|#[xX][0-9A-Fa-f]+|[A-Za-z][A-Za-z0-9]*);")
_CONTROL: Final = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x9f]")

_SLACK_TOKEN: Final = re.compile(r"<(?P<target>[^<>|\n]+)(?:\|(?P<label>[^<>\n]*))?>")


class TextError(UyspError):
    """What was typed cannot be taken; nothing was stored."""


def ended(sentence: str) -> str:
    """Return what somebody typed as the end of a sentence: with a full stop, unless it ends itself."""
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def from_slack(text: str, name_of: Callable[[str], str | None] = lambda _user_id: None) -> str:
    """Return Slack's mrkdwn text as plain text: tokens as people read them, escapes undone.

    Source: https://docs.slack.dev/messaging/formatting-message-text. What Slack itself wrote is between < and > in
    raw form; what people typed has &lt;, &gt; and &amp;.

    Args:
        text: as Slack delivers it.
        name_of: the name of a user by Slack id; None: not known.
    """
    plain = _SLACK_TOKEN.sub(lambda token: _plain(token, name_of), text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def sanitised(text: str) -> str:
    """Return the text without elements of HTML and without control characters, everything else as typed.

    Repeated on the unescaped text until nothing changes, so that no element is left for whoever unescapes it again.
    """
    text = _CONTROL.sub("", str(storable(text)).replace("\r\n", "\n").replace("\r", "\n"))
    while True:
        stripped = _without_elements(text)
        # Readers of HTML also know some entities without a semicolon; an address with &copy= in it is left alone,
        # unless an element would come to light.
        decoded = html.unescape(stripped)
        if _without_elements(decoded) == decoded:
            decoded = _CONTROL.sub("", _ENTITY.sub(lambda entity: html.unescape(entity[0]), stripped))
        decoded = decoded.replace("\r", "\n")
        if decoded == text:
            return text
        text = decoded


def several_lines(typed: str, most: int, what: str) -> str:
    """Return a text of one or more lines, sanitised, without blank edges.

    Raises:
        TextError: nothing is left, or more than `most` characters were typed.
    """
    _check_length(typed.strip(), most, what)
    text = sanitised(typed).strip()
    if not text:
        raise TextError(f"{what} is empty, or nothing but mark-up; write at least one character. Nothing was stored.")
    return text


def one_line(typed: str, most: int, what: str) -> str:
    """Return a text of one line, sanitised; line breaks become blanks.

    Raises:
        TextError: as for `several_lines`.
    """
    return " ".join(several_lines(" ".join(typed.split()), most, what).split())


def _check_length(typed: str, most: int, what: str) -> None:
    if len(typed) > most:
        raise TextError(
            f"{what} has {len(typed):,} characters, and {most:,} are possible; shorten it. Nothing was stored."
        )


def _plain(token: re.Match[str], name_of: Callable[[str], str | None]) -> str:
    """Return what people read in place of a token."""
    target, label = token["target"], token["label"]
    match target[0]:
        case "@":
            return f"@{label or name_of(target[1:]) or target[1:]}"
        case "#":
            return f"#{label or target[1:]}"
        case "!":
            word = target[1:].partition("^")[0]
            return label or f"@{word}"
    if not re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE):
        return token[0]  # none of Slack's
    address = target.removeprefix("mailto:").removeprefix("tel:")
    return address if label in {None, "", address, target} else f"{label} ({address})"


def _without_elements(text: str) -> str:
    """Return the text with its HTML-defined tags removed; one pass."""
    if "<" not in text:
        return text
    escaped: list[str] = []
    position = 0
    while (found := _TAG_START.search(text, position)) is not None:
        escaped.append(html.escape(text[position : found.start()], quote=False))
        if _is_element(found):
            position = _end_of_tag(text, found)
            # One that is never closed is taken out here: bleach takes it for text.
            escaped.append(text[found.start() : position] if text[position - 1] == ">" else "")
        else:
            escaped.append("&lt;")
            position = found.start() + 1
    escaped.append(html.escape(text[position:], quote=False))
    cleaned: str = bleach.clean("".join(escaped), tags=set(), attributes={}, strip=True, strip_comments=False)
    return html.unescape(cleaned)


def _is_element(found: re.Match[str]) -> bool:
    name = found["name"].lower()
    if name not in ELEMENTS:
        return False
    words = found["rest"].split()
    if not found["end"] and "<" not in found.string[found.end() : found.end() + 1]:
        # Never closed: markup only where it is meant to run once something is put behind it.
        return name not in _INERT and "=" in found["rest"]
    is_prose = (
        name in _INERT
        and bool(words)
        and not re.search("[=\"'/`]", found["rest"])
        and any(word.lower() not in _BARE_ATTRIBUTES for word in words)
    )
    return not is_prose


def _end_of_tag(text: str, found: re.Match[str]) -> int:
    """Return where a tag ends: a > between quotes does not end it."""
    position, quote = found.end("name"), ""
    while position < len(text):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and text[position - 1] == "=":
            quote = character
        elif character == ">":
            return position + 1
        elif character == "<":
            return position
        position += 1
    return found.end()
