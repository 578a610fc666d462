# ruff: noqa: RUF001  # other scripts have letters that look like Latin ones
"""People with 84 days of context, in several scripts; and a block built of them without a store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from random import Random
from typing import Any, Final

from msgspec import Struct

from gateway.config.kinds import BUILTIN_KINDS
from gateway.config.schema_context import Budgets
from gateway.context.budget import Line, computed_line, fit
from gateway.context.lines import line_of, profile_lines
from gateway.context.profile import Profile, profile_of, profile_record
from gateway.context.render import Block, Opened, render
from gateway.context.scopes import ScopeRules
from gateway.context.sealed import Sealed
from gateway.context.select import Selection, select
from gateway.types.account import Preferences, Scope
from gateway.types.context import Dating, Kind, Record

TODAY: Final = date(2026, 11, 23)
ZONE: Final = "Europe/London"
BUDGETS: Final = Budgets()

SENTENCES: Final[Mapping[str, Sequence[str]]] = {
    "English": (
        "Woke up before the alarm and ran along the river, slower than last week.",
        "The meeting with Sam about the budget went better than I had feared.",
        "Cooked with Mia; we talked about moving closer to the sea next spring.",
        "Couldn't concentrate in the afternoon, too much coffee and too little sleep.",
        "Called mum. She's worried about the operation, and honestly so am I.",
    ),
    "German": (
        "Heute früh vor der Arbeit am Fluss gelaufen, langsamer als letzte Woche.",
        "Die Besprechung über das Haushaltsbudget lief besser als befürchtet.",
        "Abends gekocht und über einen Umzug näher ans Meer gesprochen.",
        "Nachmittags kaum konzentriert: zu viel Kaffee, zu wenig Schlaf.",
        "Die Krankenversicherung hat die Kostenübernahme endlich bestätigt!",
    ),
    "Chinese": (
        "今天很早就醒了，上班前沿着河边跑了步，比上周慢一些。",
        "和小李关于预算的会议比我担心的要顺利得多。",
        "晚上一起做饭，聊到明年春天搬到海边住的事情。",
        "下午完全没法集中精神，咖啡喝得太多，睡得太少。",
        "给妈妈打了电话，她担心手术，其实我也一样。",
    ),
    "Russian": (
        "Проснулся до будильника и бегал вдоль реки, медленнее, чем на прошлой неделе.",
        "Встреча о бюджете прошла лучше, чем я боялся.",
        "Вечером готовили вместе и говорили о переезде к морю.",
        "После обеда не мог сосредоточиться: слишком много кофе.",
        "Позвонил маме, она волнуется из-за операции, и я тоже.",
    ),
    "emoji": (
        "😀🎉 great day!! 🏃‍♀️🌊 5km 💪💪",
        "then 🍕🍷 with Mia ❤️🥰 sooo good",
        "tired 😴😴 but proud 👩‍💻✨",
        "🌧️ all day, 📚☕️ and 🐈‍⬛ on my lap",
        "ugh 😤 the train AGAIN 🚆❌",
    ),
    "code": (
        "def f(x): return {k: v for k, v in x.items() if v is not None}",
        "SELECT * FROM t WHERE a->>'y' LIKE '%{{7*7}}%' AND b IN (1, 2, 3);",
        "for i in range(10): print(f\"{i:>3}: {f({'a': i})}\")  # TODO: %s ${x}",
        '{"id": 4711, "tags": ["a", "b"], "nested": {"x": null}}',
        "git rebase -i HEAD~3 && pytest -k 'not slow' || exit 1",
    ),
}
HABITS: Final = ("run", "read", "meditate", "no sugar", "piano", "stretch", "journal", "early bed")
PILLARS: Final = ("Health", "Family", "Work", "Friends", "Money", "Learning")


class Person(Struct, frozen=True):
    """Somebody's records by kind, the profile's included."""

    records: Mapping[str, Sequence[Record]]


def make_person(script: str, *, entry_length: int = 600, bio_length: int = 200) -> Person:
    """Return 84 days of one entry, 3 feels and 8 habits each, 12 recaps and 6 pillars."""
    random = Random(script)

    def text(length: int) -> str:
        said = ""
        while len(said) < length:
            said += random.choice(SENTENCES[script]) + random.choice((" ", " ", "\n"))
        return said[:length]

    days = [TODAY - timedelta(days=back) for back in range(84)]
    profile = Profile("Ada", ZONE, "en-GB", {"role": "analyst", "bio": text(bio_length)})
    return Person(
        {
            "profile": [profile_record(profile)],
            "pillars": [
                Record(name, None, {"name": name, "score": random.randint(0, 100)})
                for name in PILLARS
            ],
            "feels": [
                Record(
                    f"{day}-{at}",
                    day,
                    {"time": f"{at:02}:15", "mood": random.randint(1, 10), "note": text(40)},
                )
                for day in days
                for at in (8, 13, 21)
            ],
            "entries": [
                Record(
                    f"{day}", day, {"title": text(20).strip() or "x", "text": text(entry_length)}
                )
                for day in days
            ],
            "habits": [
                Record(f"{day}-{habit}", day, _habit(habit, random))
                for day in days
                for habit in HABITS
            ],
            "weekly_recaps": [
                Record(f"{day}", day, {"text": text(300)}) for day in days if day.weekday() == 0
            ],
        }
    )


def _habit(habit: str, random: Random) -> dict[str, Any]:
    done = random.random() < 0.7
    if habit == "run" and done:
        return {"habit": habit, "done": True, "amount": random.randint(20, 120) / 10, "unit": "km"}
    return {"habit": habit, "done": done}


def rules(scope: Scope | None = None, **others: Any) -> ScopeRules:
    """Return rules under which everything is allowed."""
    said: dict[str, Any] = {
        "requested": scope,
        "preferences": Preferences(),
        "default": Scope.MINIMAL,
        "ceilings": {"operator": Scope.COMPREHENSIVE},
    }
    return ScopeRules(**{**said, **others})


def text_of(kind: Kind, record: Record) -> str:
    """Return what is counted of a record when it is written."""
    if kind.dating is Dating.SINGLE:
        return profile_lines(profile_of(record))
    return line_of(kind, record)


def seal(kind: Kind, record: Record, count: Callable[[str], int]) -> Sealed:
    """Return a record as the store has it, less its sealed value."""
    field = sha256(f"{kind.name}/{record.id}".encode()).hexdigest()[:32]
    day = record.day.toordinal() if record.day else 0
    return Sealed(field, count(text_of(kind, record)), day, b"")


def sealed_of(
    records: Mapping[str, Sequence[Record]],
    count: Callable[[str], int],
    kinds: Mapping[str, Kind] = BUILTIN_KINDS,
) -> dict[str, dict[Sealed, Record]]:
    """Return what the store has of these records, and what each opens to."""
    return {
        name: {seal(kinds[name], record, count): record for record in found}
        for name, found in records.items()
    }


def build(
    selection: Selection,
    stored: Mapping[str, Mapping[Sealed, Record]],
    *,
    budget: int = 1_000_000,
    lines: Mapping[str, Sequence[Line]] | None = None,
    unread: Mapping[str, int] | None = None,
) -> Block:
    """Build a block as a request does, in the order in which `stored` has its records."""
    sealed = {name: list(found) for name, found in stored.items()}
    room = fit(selection, sealed, lines or {}, timezone=ZONE, budget=budget, unread=unread or {})
    opened = {
        name: [stored[name][each] for each in kept] for name, kept in room.records.items() if kept
    }
    return render(selection, room, Opened(opened, TODAY, ZONE), mark)


def select_all(scope: Scope, **others: Any) -> Selection:
    """Select what a scope has as delivered."""
    return select(rules(scope, **others), BUILTIN_KINDS, today=TODAY)


def pattern_texts(count: int) -> list[Line]:
    """Return lines like those that patterns have."""
    return [
        computed_line(
            f'Mood averaged {6 + place / 10:.1f} ({20 + place} days) with the habit "run", 5.7 '
            f"({60 - place} days) without."
        )
        for place in range(count)
    ]


def mark(body: bytes) -> str:
    """Return a marker for a body, as the vault would."""
    return sha256(b"key" + body).hexdigest()[:16]
