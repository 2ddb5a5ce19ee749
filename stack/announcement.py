"""What ``palimpsest up`` prints once everything answers."""

from pathlib import Path

from stack.local_token import local_token, token_path
from stack.services import Stack


def announcement(data_dir: Path, stack: Stack, context: str) -> str:
    """The lines for the terminal; ``context`` says what the cap on the context is."""
    ui = stack.temporal_ui or f"the one of the server at {stack.temporal_address}"
    rows = {
        "proxy": stack.edge.url,
        "Temporal UI": ui,
        "data": str(data_dir),
        "local token": f"{local_token(data_dir)}  (in {token_path(data_dir)})",
        "context": context,
    }
    lines = [f"  {name:<12} {value}" for name, value in rows.items() if value]
    return "\n".join(
        [
            "",
            "Palimpsest is ready. Ctrl-C drains and stops it.",
            *lines,
            "",
            "Run Claude Code through it:",
            f"  ANTHROPIC_BASE_URL={stack.edge.url} claude",
            "",
        ]
    )
