"""Lines of text as questions."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.answers import VERBS, question_of
from slackbot.grammar import NotUnderstoodError, Question, line, said
from uysp.errors import UyspError

QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"})


@pytest.mark.parametrize(
    "line", ["", "  ", "dashboard", "DashBoard", "/uysp dashboard", "“dashboard”", "\u200bdashboard"]
)
def test_an_empty_line_asks_for_the_dashboard_and_case_quotes_and_the_command_itself_are_forgiven(line: str) -> None:
    assert question_of(line) == Question("dashboard")


@pytest.mark.parametrize(
    "line",
    [
        'lead client:acme "Jane  Doe"',
        "lead “Jane Doe” Client:acme",
        "LEAD jane? client:'acme'".replace("jane?", "Jane Doe"),
        "lead Jane client:“acme” Doe",
        "lead 'Jane Doe' client:acme",
    ],
)
def test_filters_stand_anywhere_and_quotes_of_all_kinds_hold_words_together(line: str) -> None:
    assert question_of(line) == Question("lead", "Jane Doe", {"client": "acme"})


@pytest.mark.parametrize("name", ["O'Brien", "O’Brien", "D'Angelo d'Arc"])
def test_an_apostrophe_in_a_name_opens_no_quote(name: str) -> None:
    assert question_of(f"lead {name}").argument == name.replace("’", "'")


def test_a_misspelt_verb_gets_the_nearest_ones() -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        question_of("campains")
    assert caught.value.suggestions[0] == "campaigns"
    assert "Did you mean campaigns or campaign?" in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("clciks vsl", ("clicks vsl", "help")),
        ("clik", ("clicks", "help")),
        ("claims jane", ("claim jane", "clicks jane", "help")),
        ("unclam jane", ("unclaim jane", "help")),
        ("remov jane", ("remove jane", "help")),
    ],
)
def test_a_verb_that_writes_is_offered_only_where_it_is_the_nearest_by_far(
    typed: str, offered: tuple[str, ...]
) -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        question_of(typed)
    assert caught.value.suggestions == offered


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lead", "needs a name"),
        ("lead client:acme", "needs a name"),
        ("campaigns webinar", "takes no text"),
        ("campaigns clinet:acme", "no filter “clinet:”; it takes state:"),
        ("lead foo:bar", '"foo:bar"'),
        ("campaigns client:a client:b", "given twice"),
        ('campaigns client:""', "no value"),
        ("campaigns icp:", "The filter “icp:” has no value; write icp:VALUE without a blank."),
        ("campaigns ICP: >=70", "The filter “icp:” has no value; write icp:VALUE without a blank."),
        ("campaigns step: sort:", "no filter “step:”"),
        ("hot 5 top:6", "“5” and top:6 are two values for one thing; leave one of them out."),
        ("hot 5 top:5", "“5” and top:5 say the same thing twice; leave one of them out."),
        ("help nothing:1", "takes no filters"),
    ],
)
def test_what_is_wrong_with_a_line_is_told(line: str, said: str) -> None:
    with pytest.raises(NotUnderstoodError, match=None) as caught:
        question_of(line)
    assert said in str(caught.value)


def test_quoted_text_and_addresses_are_no_filters() -> None:
    assert question_of('lead "foo:bar"').argument == "foo:bar"
    assert question_of('lead "icp:"').argument == "icp:"
    assert question_of("lead Jane Doe: sales").argument == "Jane Doe: sales"
    assert question_of("lead https://example.com").argument == "https://example.com"


@given(st.text(max_size=2000))
def test_any_text_is_a_question_or_a_short_sentence(line: str) -> None:
    try:
        question = question_of(line)
    except UyspError as error:
        assert len(str(error)) < 2500  # noqa: PT017 (both outcomes are right)
    else:
        assert question.verb in {verb.name for verb in VERBS}


@given(st.text(st.characters(categories=["L", "N"]), min_size=1).filter(lambda word: word.isprintable()))
def test_a_quoted_word_comes_through_as_it_was_typed(word: str) -> None:
    assert question_of(f'lead "{word}"').argument == unicodedata.normalize("NFC", word)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=40),
    st.dictionaries(
        st.sampled_from(["page", "client"]), st.text("ab 'c:1>=", min_size=1).filter(str.strip), max_size=2
    ),
)
def test_a_line_that_we_write_is_read_as_the_question_it_was_written_for(text: str, filters: dict[str, str]) -> None:
    typed = " ".join(unicodedata.normalize("NFC", text).translate(QUOTES).replace('"', " ").split())
    trimmed = {name: value.strip() for name, value in filters.items()}
    if typed:
        assert question_of(line("timeline", typed, trimmed)) == Question("timeline", typed, trimmed)
    assert question_of(line("campaigns", filters={"icp": ">=70", "state": "active"})).filters["icp"] == ">=70"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("clicks campaign:webinar", "clicks webinar"),
        ("hot icp:>=70 20", "hot 20 icp:>=70"),
        ("campaign client:a step:2 \"The 'Big' One\"", "campaign \"The 'Big' One\" step:2 client:a"),
        ("lead 'say \"hi\"'", "lead 'say \"hi\"'"),
        ("", "dashboard"),
    ],
)
def test_a_question_is_always_written_the_same_way(typed: str, written: str) -> None:
    assert said(question_of(typed)) == written
    assert question_of(written) == question_of(typed)
