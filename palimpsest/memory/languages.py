"""The programming language of a file, by its name."""

from collections.abc import Iterable
from pathlib import PurePath

_LANGUAGES = {
    "python": ("py", "pyi", "ipynb"),
    "typescript": ("ts", "tsx", "mts", "cts"),
    "javascript": ("js", "jsx", "mjs", "cjs"),
    "go": ("go",),
    "rust": ("rs",),
    "java": ("java",),
    "kotlin": ("kt", "kts"),
    "swift": ("swift",),
    "c": ("c", "h"),
    "c++": ("cc", "cpp", "cxx", "hpp", "hh"),
    "c#": ("cs",),
    "ruby": ("rb",),
    "php": ("php",),
    "shell": ("sh", "bash", "zsh"),
    "sql": ("sql",),
    "html": ("html", "htm", "vue", "svelte"),
    "css": ("css", "scss", "less"),
    "markdown": ("md", "mdx"),
    "json": ("json", "jsonl"),
    "yaml": ("yaml", "yml"),
    "toml": ("toml",),
}
_BY_SUFFIX = {suffix: name for name, suffixes in _LANGUAGES.items() for suffix in suffixes}


def language_of(files: Iterable[str]) -> str:
    """Of the first file whose language is known; empty if there is none."""
    suffixes = (PurePath(path).suffix.removeprefix(".").lower() for path in files)
    return next((_BY_SUFFIX[suffix] for suffix in suffixes if suffix in _BY_SUFFIX), "")
