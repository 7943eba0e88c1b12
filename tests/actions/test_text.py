"""What people type: elements of HTML go, everything else stays as typed."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uysp.actions.text import ELEMENTS, TextError, from_slack, one_line, sanitised, several_lines

AS_TYPED = (
    "John <john@acme.com> said hi",
    "a<b and c>d",
    "if x<y and y>z",
    "AT&T",
    "5 < 6",
    "<3 you > me",
    "👩‍👩‍👧 🏳️‍🌈 café e\u0301",
    "https://acme.com/?a=1&copy=2&lt=3",
    "<https://acme.com|Acme>",
    "a -> b <- c, List<Lead>",
    "tab\there",
    "مرحبا <שלום>",
)
WITHOUT = {
    "<b>bold</b> move": "bold move",
    "<script>alert(1)</script>": "alert(1)",
    "&lt;script&gt;alert(1)": "alert(1)",
    "&amp;lt;script&amp;gt;alert(1)": "alert(1)",
    "&#60;img src=x onerror=alert(1)&#x3e;hi": "hi",
    "<scr<script>ipt>alert(1)</scr</script>ipt>": "alert(1)",
    "<SVG/onload=alert(1)>x": "x",
    "hi <img src=x onerror=alert(1)": "hi",
    "<iframe src='https://x.y/>z'>w</iframe>": "w",
    "<b onclick=x and>y": "y",
    "<script foo>z": "z",
    "&ltscript&gtalert(1)": "alert(1)",
    "5 &lt; 6 &amp;&amp; 7": "5 < 6 && 7",
    "a\r\nb\rc": "a\nb\nc",
    "\x1b[31mred\x00": "[31mred\ufffd",
}


@pytest.mark.parametrize("typed", AS_TYPED)
def test_what_html_does_not_define_stays_as_typed(typed: str) -> None:
    assert sanitised(typed) == typed


@pytest.mark.parametrize(("typed", "kept"), WITHOUT.items())
def test_elements_are_taken_out(typed: str, kept: str) -> None:
    assert sanitised(typed).strip() == kept


PIECES = st.sampled_from(
    ["<", ">", "&", ";", "/", "=", '"', "'", " ", "\n", "lt", "gt", "amp", "#60", "script", "img", "b", "svg", "a", "x",
     "onerror", "john@acme.com", "é", "👍", "!--", "--", "and"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_nothing_runs_however_often_it_is_unescaped_and_a_second_time_changes_nothing(typed: str) -> None:
    kept = sanitised(typed)
    assert sanitised(kept) == kept
    for _ in range(3):
        for tag in re.finditer(r"<\s*/?([a-zA-Z][^\s/>]*)([^>]*)>", kept):
            is_prose = "=" not in tag[2] and tag[2].strip() and tag[1].lower() in {"a", "b"}
            assert is_prose or tag[1].lower() not in ELEMENTS, kept
        kept = html.unescape(kept)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&")))
def test_a_text_without_markup_is_not_touched(typed: str) -> None:
    assert sanitised(typed) == typed


def test_slacks_tokens_become_plain_text() -> None:
    said = (
        "<https://acme.com|Acme> <https://x.y> <@U1> <@U2|bob> <!here> <#C1|general> <!subteam^S1|@sales> "
        "<mailto:a@b.c|a@b.c> <!date^1^{date}|today> &lt;b&gt; A&amp;B"
    )
    assert from_slack(said, {"U1": "Anna"}.get) == (
        "Acme (https://acme.com) https://x.y @Anna @bob @here #general @sales a@b.c today <b> A&B"
    )


def test_lengths_are_of_what_was_typed() -> None:
    assert several_lines(" x\ny ", 3, "It") == "x\ny"
    assert one_line("a\n b", 5, "It") == "a b"
    with pytest.raises(TextError, match="4 characters, and 3"):
        several_lines("xxxx", 3, "It")
    with pytest.raises(TextError, match="empty"):
        one_line("<p>", 3, "It")
