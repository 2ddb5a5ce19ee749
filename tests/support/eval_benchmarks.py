"""Small benchmarks of recall as files, in the layout of ../shared/data."""

import gzip
from pathlib import Path
from typing import Any

import msgspec

TOLD = (
    ("Ann", "We adopted a puppy called Biscuit."),
    ("Ben", "How lovely! I have been painting the harbour."),
    ("Ann", "I start my pottery class on Monday."),
    ("Ben", "My sister moves to Lisbon."),
)


def dialogue(name: str) -> dict[str, Any]:
    turns = [
        {"speaker": speaker, "dia_id": f"D1:{number}", "text": text}
        for number, (speaker, text) in enumerate(TOLD, 1)
    ]
    return {
        "sample_id": name,
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Ben",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": turns,
            "session_2_date_time": "2:00 pm on 9 June, 2023",
        },
        "qa": [
            {"question": "What is Ann's puppy called?", "evidence": ["D1:01"], "category": 4},
            {"question": "Who paints and who moves?", "evidence": ["D1:2; D1:4"], "category": 1},
            {"question": "Why does Ann hate cats?", "evidence": ["D1:1"], "category": 5},
            {"question": "Where was that said?", "evidence": ["D9:1"], "category": 2},
        ],
    }


def asked(name: str) -> dict[str, Any]:
    chats = [
        [
            {"role": "user", "content": f"Tell me about the {topic} market.", "has_answer": False},
            {"role": "assistant", "content": f"The {topic} market is growing."},
            {"role": "user", "content": said, "has_answer": answers},
        ]
        for topic, said, answers in (
            ("guitar", "My Fender has a new bridge.", True),
            ("garden", "I water the roses at six.", False),
        )
    ]
    return {
        "question_id": name,
        "question_type": "single-session-user",
        "question": "What did I do to my Fender guitar?",
        "question_date": "2023/05/30 (Tue) 23:42",
        "answer_session_ids": ["s1"],
        "haystack_session_ids": ["s1", "s2"],
        "haystack_dates": ["2023/05/20 (Sat) 00:31", "2023/05/21 (Sun) 00:31"],
        "haystack_sessions": chats,
    }


def write(folder: Path) -> None:
    (folder / "locomo").mkdir()
    (folder / "longmemeval").mkdir()
    (folder / "locomo" / "made.json").write_bytes(msgspec.json.encode([dialogue("talk")]))
    questions = [msgspec.json.encode(asked(name)) for name in ("q1", "q2_abs")]
    path = folder / "longmemeval" / "made.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(questions) + b"\n"))
