"""Unique facts of many shapes, planted at random places of a text, for tests of what is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

_NOUNS = ("kestrel", "orion", "badger", "condor", "gecko", "heron", "lemur", "osprey", "tapir")
_NAMES = ("Marguerite", "Okonkwo", "Tadeusz", "Oyelaran", "Wojcik", "Hrafnsson", "Castellanos")
_SPICES = ("cardamom", "saffron", "juniper", "tamarind", "sumac")


@dataclass(frozen=True)
class Fact:
    """``key`` is what must not be lost of it."""

    line: str
    key: str


def facts(random: Random) -> Iterator[Fact]:
    """One fact of each shape."""
    noun, other = random.sample(_NOUNS, 2)
    four, five = random.randint(1111, 9999), random.randint(11111, 99999)
    name, spice = random.choice(_NAMES), random.choice(_SPICES)
    word = f"{noun}-{four}"
    yield Fact(f"The rollback passphrase for {other} is {word}.", word)
    yield Fact(f"deploy_token=Zx{four}-QQ", f"Zx{four}-QQ")
    yield Fact(f'  "quota_limit": {five},', str(five))
    yield Fact(f"ERROR E{four} lock held by pid {five}", f"E{four}")
    yield Fact(f"see /srv/vault/k-{four}.pem", f"k-{four}")
    yield Fact(f"port {five}", str(five))
    yield Fact(f"{name} has to approve the migration before it ships.", name)
    yield Fact(f"// NOTE: the staging bucket is called {other}-{noun}-{four}", f"{noun}-{four}")
    yield Fact(f"Dashboard: https://grafana.{noun}.internal/d/x{five}y", f"x{five}y")
    yield Fact(f"libfrobnicate pinned at 8.{four}.15", f"8.{four}.15")
    yield Fact(f"fatal: handshake with {noun}{four}.example.net timed out", f"{noun}{four}")
    yield Fact(f"The secret ingredient of the {noun} recipe is {spice}.", spice)
    yield Fact(f"MAGIC_NUMBER {noun.upper()}_{other.upper()}", f"{noun.upper()}_{other.upper()}")
    yield Fact(f"{five} rows affected in 2.{four}s", str(five))


def planted(text: str, fact: Fact, random: Random) -> str:
    """The text with the fact as a line of its own, numbered where the others are, or in a line."""
    lines = text.split("\n")
    at = random.randint(0, len(lines))
    kind = random.random()
    if kind < 0.2 and " " in text:
        gap = text.find(" ", random.randint(0, text.rindex(" ")))
        return f"{text[:gap]} {fact.line}{text[gap:]}"
    numbered = kind < 0.5 and "→" in lines[0]
    lines.insert(at, f"{at + 1:6d}→{fact.line}" if numbered else fact.line)
    return "\n".join(lines)
