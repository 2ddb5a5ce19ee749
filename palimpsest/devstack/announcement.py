"""What ``palimpsest up`` prints once everything answers."""

from pathlib import Path

from palimpsest.devstack.services import Stack
from palimpsest.runtime.local_token import local_token, token_path
from palimpsest.runtime.settings import Settings


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


def context_line(settings: Settings) -> str:
    """How much of a conversation a model gets to see."""
    if settings.context == "off":
        return "as the client sends it (PALIMPSEST_CONTEXT=off)"
    if not settings.context_cap:
        return "rewritten to fit the model's window (PALIMPSEST_CONTEXT_CAP=0)"
    cap = f"{settings.context_cap:,} tokens"
    if settings.context == "observe":
        return f"as the client sends it; reports what a cap of {cap} would save"
    return f"rewritten to fit {cap} (PALIMPSEST_CONTEXT_CAP; 0 lifts it)"
