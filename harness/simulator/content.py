"""Content blocks for scripts, in one word each. Ids and signatures are filled in later."""

from typing import Any

from harness.simulator.shape import Obj


def text(value: str) -> Obj:
    """A text block."""
    return {"type": "text", "text": value}


def cited(value: str, quoted: str, title: str = "A document") -> Obj:
    """A text block with one citation."""
    citation = {
        "type": "char_location",
        "cited_text": quoted,
        "document_index": 0,
        "document_title": title,
        "start_char_index": 0,
        "end_char_index": len(quoted),
        "file_id": None,
    }
    return {"type": "text", "text": value, "citations": [citation]}


def thinking(value: str = "Let me think about this.") -> Obj:
    """A thinking block; the simulator signs it."""
    return {"type": "thinking", "thinking": value}


def redacted() -> Obj:
    """A redacted thinking block; the simulator makes its data."""
    return {"type": "redacted_thinking"}


def tool(name: str, /, **arguments: Any) -> Obj:
    """A tool call; the simulator gives it an id that carries the step."""
    return {"type": "tool_use", "name": name, "input": arguments}


def web_search(query: str, *titles: str) -> list[Obj]:
    """A server tool call and its result, two blocks."""
    use = "srvtoolu_" + query.encode().hex()[:24].ljust(24, "0")
    results = [
        {
            "type": "web_search_result",
            "title": title,
            "url": f"https://example.com/{index}",
            "encrypted_content": f"enc{index}",
            "page_age": None,
        }
        for index, title in enumerate(titles)
    ]
    return [
        {"type": "server_tool_use", "id": use, "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": use, "content": results},
    ]
