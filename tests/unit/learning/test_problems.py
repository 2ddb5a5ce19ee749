"""The errors in outputs of many tools; nothing in outputs that tell of none."""

import pytest

from palimpsest.learning.problems import find_problems, has_failed, has_succeeded
from tests.support.tool_calls import call

TOLD = [
    ("cmd/a.go:3:9: error returned from external package is unwrapped (wrapcheck)", "wrapcheck"),
    ("src/a.ts(3,5): error TS7006: Parameter 'x' implicitly has an 'any' type.", "TS7006"),
    ("src/a.ts:3:5 - error TS2307: Cannot find module 'zod'.", "TS2307"),
    ("E501 Line too long (120 > 100)\n --> app/x.py:3:101", "E501"),
    ("src/app.js\n  3:10  error  'x' is never used  no-unused-vars", "no-unused-vars"),
    ("Error: Cannot find module 'left-pad'", "left-pad"),
    ("psql: error: connection to server failed", "connection"),
    ("make: *** No rule to make target 'tset'.  Stop.", "No rule"),
    ("Error response from daemon: No such container: web", "No such container"),
    ("error[E0502]: cannot borrow `v` as mutable\n  --> src/main.rs:4:5", "E0502"),
    ("Traceback (most recent call last):\nModuleNotFoundError: No module named 'yaml'", "yaml"),
    ("E   sqlalchemy.exc.OperationalError: could not connect to server", "OperationalError"),
    ('Exception in thread "main" java.lang.NullPointerException: name is null', "NullPointer"),
    ("src/Foo.java:12: error: incompatible types: String cannot be converted", "incompatible"),
    ("lib/x.c:4:10: fatal error: openssl/ssl.h: No such file or directory", "No such file"),
    ("app.py:3: error: Incompatible return value type [return-value]", "return-value"),
    ("bash: line 1: jq: command not found", "jq"),
    ("npm ERR! Missing script: build-all", "Missing script"),
    ("fatal: unrecognized argument: --no-stat", "--no-stat"),
    ("panic: test using t.Setenv can not use t.Parallel", "t.Parallel"),
]


@pytest.mark.parametrize(("output", "word"), TOLD)
def test_an_error_is_found(output: str, word: str) -> None:
    [problem] = find_problems(output)
    assert word in problem.signature


@pytest.mark.parametrize(
    "output",
    [
        "ok   app 0.3s\nPASS",
        "    main_test.go:12: expected 3, got 4\n--- FAIL: TestX (0.00s)\nFAIL",
        "AssertionError: assert 3 == 4",
        "error: exit status 1",
        "app/x.go:3:4: undefined: frobnicate",
        "2026/01/20 11:00:16 INFO component=hooks error=none",
        "",
    ],
)
def test_what_nobody_meets_again_is_none(output: str) -> None:
    assert find_problems(output) == ()


def test_the_place_and_the_line_of_code_are_kept() -> None:
    output = (
        "app/main.go:12:5: Error return value is not checked (errcheck)\n\tos.Remove(path)\n\t^"
    )
    [problem] = find_problems(output)
    assert (problem.file, problem.line, problem.source) == ("app/main.go", 12, "os.Remove(path)")


@pytest.mark.parametrize(
    ("output", "place"),
    [
        (
            "error[E0502]: cannot borrow\n  --> src/main.rs:4:5\n   |\n4 |     v.push(1);\n",
            ("src/main.rs", 4, "v.push(1);"),
        ),
        ("/w/src/app.js\n  3:10  error  no `x` here  no-x", ("/w/src/app.js", 3, "")),
        ("a.c:4:10: error: no such thing here\n    4 | int x;\n", ("a.c", 4, "int x;")),
    ],
)
def test_the_place_may_stand_beside_it(output: str, place: tuple[str, int, str]) -> None:
    [problem] = find_problems(output)
    assert (problem.file, problem.line, problem.source.strip()) == place


def test_what_a_program_under_test_says_is_no_error() -> None:
    output = "Error: context deadline exceeded\n--- FAIL: TestX\npanic: nil map was written to"
    assert [p.message for p in find_problems(output, of_tests=True)] == [
        "panic: nil map was written to"
    ]


def test_at_most_a_dozen_are_taken() -> None:
    output = "\n".join(f"a.py:1:1: rule {'x' * n} is broken (rule-{'y' * n})" for n in range(1, 30))
    assert len(find_problems(output)) == 12


@pytest.mark.parametrize(
    ("output", "is_error", "fell", "went"),
    [
        ("Exit code 1\nboom", True, True, False),
        ("--- FAIL: TestX (0.00s)\nFAIL", False, True, False),
        ("ok app 0.3s", False, False, True),
        ("The user doesn't want to proceed with this tool use.", True, False, False),
        ("<tool_use_error>File does not exist.</tool_use_error>", True, False, False),
        ("12 passed", False, False, True),
    ],
)
def test_a_command_failed_or_succeeded_or_neither(
    output: str, is_error: bool, fell: bool, went: bool
) -> None:
    made = call("Bash", output, is_error=is_error, command="make test")
    assert (has_failed(made), has_succeeded(made)) == (fell, went)
