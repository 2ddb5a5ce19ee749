"""What of a head is written down: the values of names that are known to carry no credential.

Gateways and providers think of new names for a key every year (`x-functions-key`, `?code=`), so
everything else is recorded by its name alone.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote_plus

import msgspec

REDACTED = "[redacted]"

_HEADER_NAMES = """
    accept accept-charset accept-encoding accept-language accept-ranges age allow alt-svc
    cache-control connection content-encoding content-language content-length content-type
    date etag expect expires host if-modified-since if-none-match keep-alive last-modified
    origin pragma priority range retry-after retry-after-ms server server-timing
    strict-transport-security te trailer transfer-encoding upgrade user-agent vary via
    access-control-allow-credentials access-control-allow-headers access-control-allow-methods
    access-control-allow-origin access-control-expose-headers access-control-max-age
    access-control-request-headers access-control-request-method anthropic-beta
    anthropic-dangerous-direct-browser-access anthropic-organization-id anthropic-version
    cf-cache-status cf-ray content-security-policy last-event-id openai-beta openai-model
    openai-organization openai-processing-ms openai-project openai-version
    ms-azureml-model-error-reason ms-azureml-model-error-statuscode nel referrer-policy
    report-to request-id sec-fetch-dest sec-fetch-mode sec-fetch-site traceparent
    x-amzn-requestid x-app x-claude-code-agent-id x-claude-code-parent-agent-id
    x-claude-code-session-id x-cloud-trace-context x-client-request-id x-content-type-options
    x-correlation-id x-envoy-decorator-operation x-envoy-upstream-service-time x-frame-options
    x-ms-client-request-id x-ms-region x-ms-request-id x-powered-by x-request-id x-robots-tag
    x-served-by x-service-tier x-should-retry x-xss-protection x-palimpsest-context
    x-palimpsest-context-cap x-palimpsest-degraded x-palimpsest-intelligence
    x-palimpsest-memory x-palimpsest-request-id x-palimpsest-unmanaged x-stainless-arch
    x-stainless-async x-stainless-helper x-stainless-helper-method x-stainless-lang
    x-stainless-os x-stainless-package-version x-stainless-poll-helper
    x-stainless-raw-response x-stainless-read-timeout x-stainless-retry-count
    x-stainless-runtime x-stainless-runtime-version x-stainless-stream-helper
    x-stainless-timeout
"""
_HEADERS = frozenset(_HEADER_NAMES.split())
_LIMITS = re.compile(
    r"(?:anthropic(?:-priority|-fast)?-ratelimit|x-ratelimit)-[a-z0-9-]*"
    r"(?:limit|remaining|reset|status|utilization|fallback|claim|reason)(?:-[a-z]+)*"
)
"""How much is left of something, and until when."""

_PARAMETER_NAMES = """
    after after_id alt anthropic-version api-version before before_id beta include limit model
    order page page_size stream version
"""
_PARAMETERS = frozenset(_PARAMETER_NAMES.split())
_PART = re.compile(r"[^&;]+")
_NAME = re.compile(r"[A-Za-z][\w.\[\]$-]{0,63}")
_NO_KEY = re.compile(
    rb"-?\d{1,12}(?:\.\d{1,9})?(?:ms|s|%)?|[A-Za-z]{1,12}"
    rb"|\d{4}-\d\d-\d\dT[\d:.]{5,18}(?:Z|[+-]\d\d:\d\d)"
    rb"|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} [\d: ]{13} GMT"
)
_PLAIN_VALUE = re.compile(r"[\w.,: -]{0,40}")


@lru_cache(maxsize=1024)
def is_harmless(name: bytes) -> bool:
    """Whether a header's value is known to be no credential, whoever sent it."""
    lowered = name.decode("latin-1").lower()
    return lowered in _HEADERS or _LIMITS.fullmatch(lowered) is not None


def recordable(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """A request's headers as JSON pairs, values that may be a credential taken out."""
    return _pairs((name, value if is_harmless(name) else None) for name, value in headers)


def recordable_answer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """An answer's headers as JSON pairs. They are given again with the recorded answer, so a
    number, a time or a short word stays under an unknown name too."""
    return _pairs(
        (name, value if is_harmless(name) or _NO_KEY.fullmatch(value.strip()) else None)
        for name, value in headers
    )


def _pairs(headers: Iterable[tuple[bytes, bytes | None]]) -> str:
    return msgspec.json.encode(
        [
            (name.decode("latin-1"), REDACTED if value is None else value.decode("latin-1"))
            for name, value in headers
        ]
    ).decode()


def recordable_target(target: bytes) -> str:
    """Path and query string, the values of unknown parameters taken out."""
    path, mark, query = target.decode("latin-1").partition("?")
    segment, semicolon, matrix = path.partition(";")
    kept = segment + semicolon + _PART.sub(_recordable_part, matrix)
    return kept + mark + _PART.sub(_recordable_part, query)


def _recordable_part(match: re.Match[str]) -> str:
    """One `name=value`. What has no name, or none that a program would give, may be a key itself;
    a value of a known name is one only as long as it looks like one."""
    name, equals, value = match[0].partition("=")
    plain = unquote_plus(name)
    if plain.lower() in _PARAMETERS and _PLAIN_VALUE.fullmatch(unquote_plus(value)):
        return match[0]
    if not equals or not _NAME.fullmatch(plain):
        return REDACTED
    return f"{name}={REDACTED}"
