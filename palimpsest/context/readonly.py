"""Calls that only read: making them again changes nothing, and shows what is there now."""

import re

from palimpsest.context.tool_exchanges import Call

_TOOLS = re.compile(
    r"(?:Read|Grep|Glob|LS|LSP|NotebookRead|WebFetch|WebSearch|TaskList|TaskGet|TaskOutput"
    r"|BashOutput|ListMcpResources\w*|ReadMcpResource\w*"
    r"|mcp__\w+__(?:get|list|read|search|find|query|fetch|resolve|show|describe)[\w-]*)\Z"
)
_COMMANDS = re.compile(
    r"\s*(?:cd \S+ && )?(?:git (?:-C \S+ )?(?:status|log|diff|show|blame|grep|ls-files)"
    r"|ls|cat|head|tail|sed -n|grep|rg|wc|pwd|which|tree|stat|file|jq|gh \w+ (?:view|list|diff))"
    r"(?=\s|\Z)(?:[^>&;]|2>&1|2>/dev/null)*\Z"
)


def only_reads(call: Call) -> bool:
    """Whether this is so as far as can be told from the tool's name or the command's words."""
    if call.name == "Bash":
        return _COMMANDS.match(str(call.input.get("command", ""))) is not None
    return _TOOLS.match(call.name) is not None
