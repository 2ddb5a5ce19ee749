"""Finds corrections: rules that a person gives the agent, in their own words.

Only what is worded as a rule counts: at the beginning of a sentence, in a short text, no question.
Most of what a person says is about the task at hand, and is no rule.
"""

import re
from collections.abc import Iterator, Sequence

from palimpsest.context.speech import Speech, speech
from palimpsest.dialects.model import BlockKind, Message, Role
from palimpsest.learning.candidate import CORRECTION_TRIGGER, Candidate
from palimpsest.learning.model import CandidateKind
from palimpsest.memory.model import Pattern

_LONGEST_TEXT = 1_500
_LONGEST, _SHORTEST = 240, 12
_SENTENCE = re.compile(r"(?<=[.!])\s+|\n+|\s\((?=(?:we|always|never)\b)|(?<=[.!])\)\s*")
_FENCED = re.compile(r"```.*?(?:```|\Z)|^ {4,}.*$|^[>|│┃+-].*$", re.DOTALL | re.MULTILINE)
_OPENING = (
    r"(?:(?:no|nope|hmm|ok|okay|yes|yeah|wait|please|and|but|also|so|well|oh|right|btw|then|ah"
    r"|actually|great|sorry|I (?:said|told you)|as I said)\b[,.:!]?\s+)*"
)
_STANDING_RULE = re.compile(
    _OPENING + r"(?:"
    r"(?:you (?:should|must|need to) |we (?:should |must )?|make sure (?:to |you )?)?"
    r"(?:always|never)\s+(?!been|seen|had|was|worked|actually|returns?|gets?|the|be\b)\w+"
    r"|(?:from now on|going forward|in (?:the )?future|as a (?:general )?rule)\b"
    r"|in (?:this|our) (?:repo|project|code ?base|team)\b.{0,40}?\b(?:we|use|don't|never|always)\b"
    r"|(?:please )?remember (?:to|that)\b"
    r"|we (?:use|prefer|don't use|do not use|stick (?:to|with))\s)"
    r".+",
    re.IGNORECASE,
)
_INSTEAD_RULE = re.compile(
    _OPENING + r"(?:(?:do not|don't|dont|never|avoid|stop|let's not|no need to)\s+\w+.*"
    r"|(?:let's )?(?:use|prefer|run|do|write|put|call)\s.+"
    r"\s(?:instead(?: of)?|rather than|over|not)\b.*"
    r"|(?:instead of|rather than)\s.+,?\s(?:use|do|run|write|call|put)\s.+|prefer\s.+|keep\s.+)",
    re.IGNORECASE,
)
_OF_THE_TASK = re.compile(
    r"\b(?:this|that|these|those|it|them|here|now|yet|above|below|anymore|any more|for now|first)\b"
    r"|\b(?:worry|forget|think|know|understand|see|mind|bother|care|remember|ask|commit|push)\b",
    re.IGNORECASE,
)
_USER_ANSWER = re.compile(r"the user said:\s*\n(.+)", re.DOTALL)
_CONFIDENT, _LIKELY = 0.7, 0.4


def find_corrections(messages: Sequence[Message]) -> Iterator[Candidate]:
    """The rules in the messages of a person, in order; also in their answers to refused calls."""
    for position, message in enumerate(messages):
        if message.role is not Role.USER or position == 0:
            continue
        for text in _human_texts(message):
            for sentence, confidence in find_rules(text):
                pattern = Pattern(CORRECTION_TRIGGER, (sentence,))
                yield Candidate(CandidateKind.CORRECTION, pattern, position, confidence)


def find_rules(text: str) -> Iterator[tuple[str, float]]:
    """The sentences of a text that are rules, with the confidence, 0 to 1."""
    if len(text) > _LONGEST_TEXT:
        return
    for sentence in _SENTENCE.split(_FENCED.sub("", text)):
        plain = " ".join(sentence.split()).removesuffix(")")
        if not _SHORTEST <= len(plain) <= _LONGEST or plain.endswith("?"):
            continue
        if _STANDING_RULE.match(plain):
            yield plain, _CONFIDENT
        elif _INSTEAD_RULE.match(plain) and not _OF_THE_TASK.search(plain):
            yield plain, _LIKELY


def _human_texts(message: Message) -> Iterator[str]:
    for block in message.blocks:
        text = block.text()
        if text and speech(text) is Speech.HUMAN:
            yield text
        elif block.kind is BlockKind.TOOL_RESULT and block.is_error:
            answer = _USER_ANSWER.search(block.result_text())
            yield from [answer[1]] if answer else ()
