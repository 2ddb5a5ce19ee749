"""Which content-encodings a client says that it can read."""

from collections.abc import Iterator

from palimpsest.providers.encodings import codings
from palimpsest.providers.headers import RawHeaders

_SAME = {"x-gzip": "gzip"}


def is_accepted(headers: RawHeaders, content_encoding: str) -> bool:
    """Whether a request's `accept-encoding` names all that an answer is encoded by. Who sends none
    may be given any by RFC 9110, and in practice reads none."""
    qualities = dict(_qualities(headers))
    others = qualities.get("*", False)
    return all(qualities.get(_name(coding), others) for coding in codings(content_encoding))


def _qualities(headers: RawHeaders) -> Iterator[tuple[str, bool]]:
    """Each encoding that is named, and whether it is wanted at all."""
    for header, value in headers:
        if header.lower() == b"accept-encoding":
            for part in value.decode("latin-1").split(","):
                coding, _, parameter = part.partition(";")
                yield _name(coding), not _is_zero(parameter)


def _name(coding: str) -> str:
    name = coding.strip().lower()
    return _SAME.get(name, name)


def _is_zero(parameter: str) -> bool:
    """`q=0`, `q=0.0` and so on: not to be sent."""
    key, _, value = parameter.replace(" ", "").partition("=")
    return key.lower() == "q" and bool(value) and not value.strip("0.")
