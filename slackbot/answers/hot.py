"""`hot [N]`: the leads that clicked and neither booked nor said no, hottest first (spec/metrics.md section 2)."""

from sqlalchemy import Connection

from slackbot.answers import leads
from slackbot.answers.dashboard import HOT_COLUMNS, TOP_LEADS
from slackbot.answers.filters import LEAD_FILTERS, described, lead_condition
from slackbot.answers.just_now import with_own_writes
from slackbot.answers.model import Choice, Findings, Link, Section, Topic
from slackbot.answers.wording import counted, short
from slackbot.grammar import Question, Verb, line, said
from uysp.settings import Settings

_OFFERED = (10, 20, 50)


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the hottest leads that the filters leave, ten unless more or fewer are asked for."""
    most = int(question.filters.get("top", TOP_LEADS))
    condition, values = lead_condition(question.filters)
    condition = f" and is_hot{condition}"
    found = leads.select_leads(connection, clients, condition, values, leads.HOTTEST, most)
    rows, just_now = with_own_writes(connection, found)
    total = leads.count_leads(connection, clients, condition, values)
    within = f" in {short(question.filters['campaign'])}" if "campaign" in question.filters else ""
    which = within + described(question.filters)
    shown = f"; the hottest {len(rows):,} are shown" if total > len(rows) else ""
    section = Section(
        rows,
        leads.with_client(HOT_COLUMNS, clients),
        "Hot leads",
        empty="Nobody clicked without booking or opting out.",
        link=leads.lead_link(clients),
    )
    client = leads.only(question.filters, "client")
    links = [Link("Dashboard", line("dashboard", filters=client))]
    if campaign := question.filters.get("campaign"):
        links.insert(0, Link(campaign, line("campaign", campaign, client)))
    return Findings(
        "Hot leads",
        f"{counted(total, 'hot lead')}{which}{shown}.",
        {"leads": section},
        notes=just_now,
        links=tuple(links),
        choices=(_how_many(question, most),) if total > _OFFERED[0] else (),
    )


def _how_many(question: Question, most: int) -> Choice:
    numbers = sorted({*_OFFERED, most})
    options = {number: Link(counted(number, "lead"), said(question, top=number)) for number in numbers}
    return Choice("How many", tuple(options.values()), options[most].line)


TOPIC = Topic(
    Verb(
        "hot",
        usage="hot [N]",
        summary="the leads that clicked and neither booked nor said no, hottest first; 10 unless you say how many",
        examples=("hot", 'hot 25 campaign:"ChatGPT Use Cases"', "hot icp:>=70"),
        text="how many",
        filters=("top", "campaign", "step", *LEAD_FILTERS, "client"),
        text_filter="top",
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("leads", "campaign_performance", "sync_status"),
    section_names=("leads",),
)
