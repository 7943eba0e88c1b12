"""Answers in Slack at 100,000 leads: 50 people at once ask everything that can be read, and `uysp ask` from cold.

The bot is a process of its own that takes signed HTTP; the emulated Slack and the people are in this one, on the same
machine, so what they take of it is missing to the bot. Each person types one command after the other: the next once the
answer is seen, and no faster than the 30 reads a minute that everybody has. Both times begin when a person sends the
command: until the acknowledgement (the response to Slack's request), and until the answer stands on their screen.

Targets: acknowledgement p99 under 300 ms and never over 3 s; visible answer p95 under 1 s; memory of the bot flat once
it has warmed up; `uysp ask dashboard` from a cold start, the database running, under 1.5 s.
"""

import argparse
import itertools
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine, text

from benchmarks.full_load import UYSP
from benchmarks.marts import AUDIT_PER_LEAD, CLIENT, build
from benchmarks.processes import run
from benchmarks.search import report
from playground.sample.loading import load_sample
from playground.slack.app import from_manifest
from playground.slack.server import ACK_SECONDS, Slack, running_slack
from playground.slack.workspace import Person
from slackbot.answers import HELP, TOPICS
from slackbot.checks import MANIFEST
from slackbot.pace import READS_A_MINUTE
from uysp.database import Role, open_database
from uysp.settings import Settings, inherited_environment
from uysp.supervisor import answers

COLD_STARTS = 5
CHANNEL = "general"
PAUSE = 60 / READS_A_MINUTE * 1.05  # seconds from one command to the next: none may be refused for the limit
GIVEN_UP = 30.0  # seconds after which a person stops waiting
START_SECONDS = 30.0
PLACEHOLDERS = {  # column by what stands for it in the examples
    "jane@example.com": "email",
    "jane doe": "name",
    "+1 415 555 0100": "phone",
    "ChatGPT Use Cases": "campaign",
    "source:Webinar": "source",
}
DRAWN = 200


@dataclass(frozen=True)
class Asked:
    """A command and what came of it; milliseconds. `problem`: why what was seen is no answer."""

    verb: str
    acknowledged: float
    answered: float
    problem: str | None


def main() -> None:
    """Measure and print; end with an error if anybody did not get an answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=50, help="who ask at once")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="uysp-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, the account that runs Postgres has to pass through
        settings = Settings(_env_file=None, uysp_home=folder / "home")
        with open_database(settings, Role.PIPELINE) as engine:  # keeps the server running
            load_sample(engine, CLIENT, leads=options.leads, audit=AUDIT_PER_LEAD * options.leads)
            build(settings, engine)
            lines = typed(engine)
            print(f"{options.leads:,} leads, {AUDIT_PER_LEAD * options.leads:,} audit rows", flush=True)
            cold_starts(environment_of(settings))
            people = [Person(f"U0BENCH{number:03}", f"person{number}", "A Person") for number in range(options.people)]
            with workspace(people) as slack, bot(settings, slack, folder / "bot.log") as process:
                asked = crowd(slack, people, lines, options.seconds, process)
            tell(asked, options.seconds)
            faults = [each for each in (folder / "bot.log").read_text().splitlines() if " INFO " not in each]
            print(*faults[:20], sep="\n", end="\n" if faults else "", file=sys.stderr)
    problems = [f"{each.verb}: {each.problem}" for each in asked if each.problem]
    if problems or not asked:
        sys.exit(f"{len(problems)} of {len(asked)} commands were not answered, such as {problems[:3]}")


def environment_of(settings: Settings) -> dict[str, str]:
    """A process of ours on this database; its Airtable is away, for nothing here asks it."""
    return inherited_environment() | {
        "UYSP_HOME": str(settings.uysp_home),
        "UYSP_CLIENT": CLIENT,
        "AIRTABLE_BASE_ID": f"app{CLIENT}",
        "AIRTABLE_API_KEY": "pat",
        "AIRTABLE_ENDPOINT_URL": "http://127.0.0.1:9",
        "PYTHONDONTWRITEBYTECODE": "",  # whatever is set here: an installed copy is compiled once
    }


def typed(engine: Engine) -> dict[str, list[str]]:
    """What people type, by verb: every example of its help, about leads and campaigns that there are."""
    query = text("""
        select name, email, phone, campaign, 'source:"' || lead_source || '"' as source
        from (select *, count(*) over (partition by lower(email)) as of_email from marts.leads) as leads
        where of_email = 1 and phone is not null and lead_source is not null and campaign <> 'Unassigned'
            and name ~ '^[A-Z][a-z]+ [A-Z][a-z]+$'
        order by md5(lead_id) limit :drawn
    """)
    with engine.connect() as connection:
        leads = [dict(row) for row in connection.execute(query, {"drawn": DRAWN}).mappings()]

    def about(line: str, lead: Mapping[Any, str]) -> str:
        for placeholder, column in PLACEHOLDERS.items():
            line = line.replace(placeholder, lead[column])
        return line

    verbs = (*(topic.verb for topic in TOPICS), HELP.verb)
    return {
        verb.name: [about(line, lead) for lead, line in zip(leads, itertools.cycle(verb.examples), strict=False)]
        for verb in verbs
    }


def cold_starts(environment: dict[str, str]) -> None:
    """Ask in a new process, several times, after a first that is not counted: it compiles what never ran before."""
    command = {"uysp ask": [*UYSP, "ask", "dashboard"]}
    run(command, environment)
    asked = [run(command, environment) for _ in range(COLD_STARTS)]
    print(
        f"uysp ask dashboard, cold start: median {statistics.median(one.seconds for one in asked):.2f} s, "
        f"slowest {max(one.seconds for one in asked):.2f} s, "
        f"median CPU {statistics.median(one.cpu for one in asked):.2f} s",
        flush=True,
    )


@contextmanager
def workspace(people: Sequence[Person]) -> Iterator[Slack]:
    """Run the emulated Slack with these people in a channel of the bot."""
    features = from_manifest(json.loads(MANIFEST.read_text(encoding="utf-8")))
    with running_slack(features=features) as slack:
        channel = slack.workspace.channel(CHANNEL)
        members = channel.members | {person.id for person in people}
        slack.workspace.people |= {person.id: person for person in people}
        slack.workspace.channels[channel.id] = replace(channel, members=members)
        yield slack


@contextmanager
def bot(settings: Settings, slack: Slack, log: Path) -> Iterator[psutil.Process]:
    """Run `uysp bot` until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    slack.deliver_over_http(f"http://127.0.0.1:{port}/slack/events")
    environment = environment_of(settings) | {
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_APP_TOKEN": "",
        "PORT": str(port),
    }
    with log.open("w") as output, subprocess.Popen([*UYSP, "bot"], env=environment, stderr=output) as process:
        try:
            ends = time.monotonic() + START_SECONDS
            while not answers(f"http://127.0.0.1:{port}/healthz"):
                if process.poll() is not None or time.monotonic() > ends:
                    sys.exit(f"the bot did not start: {log.read_text()}")
                time.sleep(0.05)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def crowd(
    slack: Slack, people: Sequence[Person], lines: Mapping[str, Sequence[str]], seconds: float, process: psutil.Process
) -> list[Asked]:
    """Have all people ask at once, and watch the bot's memory; returns every command."""

    def memory() -> float:
        return process.memory_info().rss / 1e6

    before, begins = memory(), time.monotonic()
    with ThreadPoolExecutor(len(people)) as pool:
        asking = [
            pool.submit(person_asks, slack, person.id, mixed(lines, number), begins, begins + seconds)
            for number, person in enumerate(people)
        ]
        time.sleep(seconds / 4)
        warm = memory()
        asked = [each for one in asking for each in one.result()]
    print(
        f"memory of the bot: {before:.0f} MB before, {warm:.0f} MB after {seconds / 4:.0f} s, "
        f"{memory():.0f} MB after {seconds:.0f} s",
        flush=True,
    )
    return asked


def mixed(lines: Mapping[str, Sequence[str]], seed: int) -> Iterator[tuple[str, str]]:
    """Verbs and lines without end: all verbs in an order of one's own, then all again."""
    chance = random.Random(seed)
    while True:
        for verb in chance.sample(list(lines), len(lines)):
            yield verb, chance.choice(lines[verb])


def person_asks(slack: Slack, person: str, lines: Iterator[tuple[str, str]], begins: float, ends: float) -> list[Asked]:
    """Type one command after the other; the first within one pause of the others' first."""
    asked: list[Asked] = []
    due = begins + random.Random(person).uniform(0, PAUSE)
    for verb, line in lines:
        time.sleep(max(0, due - time.monotonic()))
        due = time.monotonic() + PAUSE
        if time.monotonic() >= ends:
            break
        interaction = slack.command(person, line, CHANNEL)
        acknowledged = (interaction.acked_after or GIVEN_UP) * 1000
        problem, answered = interaction.error, GIVEN_UP * 1000
        try:
            answer = interaction.wait_for_answer(GIVEN_UP)
            answered = (answer.seen_at - interaction.began_at) * 1000
            if not answer.blocks or answer.blocks[0]["type"] != "header":  # sentences have none
                problem = problem or f"{line}: {answer.text}"
        except TimeoutError as error:
            problem = problem or str(error)
        asked.append(Asked(verb, acknowledged, answered, problem))
    return asked


def tell(asked: Sequence[Asked], seconds: float) -> None:
    """Print both times of all commands, and of each verb until the answer."""
    print(f"{len(asked):,} commands in {seconds:.0f} s, {len(asked) / seconds:.1f} a second")

    def times(name: str, some: Sequence[Asked], of: Callable[[Asked], float]) -> None:
        if len(some) > 1:
            report(name, [of(each) for each in some])

    times("acknowledgement", asked, lambda each: each.acknowledged)
    times("visible answer", asked, lambda each: each.answered)
    for verb in sorted({each.verb for each in asked}):
        times(f"  {verb}", [each for each in asked if each.verb == verb], lambda each: each.answered)
    late = sum(1 for each in asked if each.acknowledged > ACK_SECONDS * 1000)
    print(f"acknowledgements over {ACK_SECONDS:.0f} s: {late}", flush=True)


if __name__ == "__main__":
    main()
