"""Invented people: names in many scripts, employers that do not exist, telephone numbers kept free for fiction.

A person is a function of seed and number, so that several rows can be about the same one without remembering any.
"""

import random
from dataclasses import dataclass
from typing import Final

# The form of a North American area code; with 555-01xx behind it, a number that is set aside for fiction.
AREA_CODES: Final = tuple(str(code) for code in range(201, 990) if code % 100 != 11 and code // 10 % 10 != 9)
FICTION_LINES: Final = 100  # 555-0100 to 555-0199

_FIRST_NAMES: Final = (
    "Avery", "Blair", "Casey", "Dana", "Ellis", "Frankie", "Gale", "Harper", "Indra", "Jules", "Kerry", "Lane",
    "Marlow", "Noor", "Oakley", "Parker", "Quinn", "Reese", "Sage", "Tatum", "Uma", "Vale", "Wren", "Xan", "Yael",
    "Zion", "Amara", "Bodhi", "Cleo", "Darcy", "Emery", "Finley", "Greer", "Hollis", "Ira", "Jody", "Kit", "Linden",
    "Monroe", "Nico", "Ora", "Perry", "Rowan", "Skyler", "Teagan", "Winter",
    "Zoë", "José", "Ángeles", "Chloé", "Jürgen", "Øyvind", "Łucja", "İpek", "Žofie", "Nguyễn", "D’Arcy", "Mary-Lou",
)  # fmt: skip
_LAST_NAMES: Final = (
    "Abernon", "Birchwater", "Calloway", "Dunmere", "Eastlake", "Fennimore", "Glasswright", "Hollowell", "Inverleigh",
    "Juniper", "Kestrelby", "Larkmoor", "Mistral", "Northgate", "Oldfield", "Pemberly", "Quillon", "Ravensworth",
    "Saltmarsh", "Thistlewood", "Underhay", "Vantreight", "Wexcombe", "Yarrowby", "Zellweather", "Ashgrove",
    "Brightwell", "Copperfield", "Driftwood", "Elmhurst", "Foxglove", "Greystone", "Hawthorne", "Ironside",
    "O'Lannan", "d’Orvilliers", "Müllrose", "Škvorná", "Ødegaardson", "van der Lindt", "Peña-Solís", "MacArdry",
)  # fmt: skip
OTHER_SCRIPTS: Final = (
    ("Ασπασία", "Λευκοθέα"), ("Юлия", "Светлоярова"), ("雨桐", "慕容"), ("さくら", "星ノ宮"), ("하늘", "구름"),
    ("ليلى", "الزهراني"), ("נועה", "אור־ים"), ("आरव", "सूर्यवंश"), ("ดาริน", "ทองฟ้า"), ("ნინო", "მთვარელი"),
)  # fmt: skip
_COMPANY_STEMS: Final = (
    "Quorvex", "Lumbertide", "Fennwick", "Zephyrnote", "Ostrabyte", "Marrowfield", "Tindlehaus", "Glimmerforge",
    "Plovern", "Wexanode", "Arbolytic", "Drumlinworks", "Halcyrix", "Juncobay", "Kelpwright", "Vornavale Hill",
    "Silt & Spindle", "Oxbowly", "Nimbuscraft", "Brackenloop", "Cinderpath", "Yonderly", "Fathomgrid", "Umbrellux",
)  # fmt: skip
_COMPANY_KINDS: Final = ("Analytics", "Systems", "Logistics", "Software", "Consulting", "Labs", "Partners", "Health")
_TITLES: Final = (
    "Account Executive", "Enterprise Account Executive", "VP of Sales", "Sales Manager", "Founder", "SDR",
    "Director, Business Development", "Customer Success Manager", "Head of Growth", "Regional Sales Lead", "Consultant",
)  # fmt: skip
_COUNTRIES: Final = (
    ("United States", 46), ("united states", 22), ("United States or Canada - Auto", 12), ("Canada", 7),
    ("United Kingdom", 4), ("Australia", 2), ("Austria", 1), ("Germany", 2), ("India", 2), ("Brazil", 1), ("USA", 1),
)  # fmt: skip
_COUNTRY_NAMES: Final = tuple(name for name, _ in _COUNTRIES)
_COUNTRY_WEIGHTS: Final = tuple(weight for _, weight in _COUNTRIES)

ACCOUNT_EXECUTIVES: Final = ("Robin Castellane", "Sam Okonedo-Vale", "priya@uysp.example", "Theo Lindqvist-Marsh")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented. `phone` is ten digits."""

    first_name: str
    last_name: str
    email: str
    phone: str
    company: str
    domain: str
    job_title: str
    country: str


def person(seed: int, number: int) -> Person:
    """The invented person of that number."""
    rng = random.Random(seed * 1_000_000_007 + number)
    if rng.random() < 0.03:
        first_name, last_name = rng.choice(OTHER_SCRIPTS)
    else:
        first_name, last_name = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
    stem = rng.choice(_COMPANY_STEMS)
    company = f"{stem} {rng.choice(_COMPANY_KINDS)}"
    domain = f"{_ascii_letters(stem)}{rng.randrange(900)}.example"
    local = ".".join(part for part in (_ascii_letters(first_name), _ascii_letters(last_name)) if part) or "contact"
    return Person(
        first_name=first_name,
        last_name=last_name,
        email=f"{local}.{number}@{domain if rng.random() < 0.7 else 'mail.example'}",
        phone=phone_number(number),
        company=company,
        domain=domain,
        job_title=rng.choice(_TITLES),
        country=rng.choices(_COUNTRY_NAMES, _COUNTRY_WEIGHTS)[0],
    )


def phone_number(number: int) -> str:
    """Ten digits, different for every number below 7 million: 555-01xx first, then further up in 555."""
    line, area = divmod(number, len(AREA_CODES))
    return f"{AREA_CODES[area]}555{(FICTION_LINES + line) % 10_000:04}"


def spell_phone(digits: str, style: float) -> str:
    """One of the ways in which forms, imports and people write ten digits; `style` from 0 to below 1 chooses."""
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    spellings = (
        digits,
        f"+1{digits}",
        f"1{digits}",
        f"({area}) {exchange}-{line}",
        f"{area}-{exchange}-{line}",
        f"+1 {area} {exchange} {line}",
        f"{area}.{exchange}.{line}",
        f"+1-{area}-{exchange}-{line}",
    )
    return spellings[int(style * len(spellings))]


def _ascii_letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if "a" <= letter <= "z")
