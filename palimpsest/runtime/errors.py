"""The errors of Palimpsest: one small tree, each with its HTTP status and whether a retry can help.

PalimpsestError
├── BadRequest            400  the client must change the request
│   ├── BodyTooLarge      413
│   ├── HeadTooLarge      431
│   ├── TooSlow           408  the rest of the request did not come
│   └── Unstorable             no column takes a value of it
├── AlreadyEnded          409  nothing is left to do for this request
│   └── Fenced                 another process carries it now
├── Forbidden             403  wrong Host, or the local token is missing
├── NotFound              404
│   └── Expired           410  it was there; its retention is over
├── Unavailable           503  come back after ``retry_after`` seconds
│   ├── EngineUnavailable      Temporal
│   ├── DatabaseUnavailable    Postgres
│   ├── RedisUnavailable       Redis
│   ├── IndexUnavailable       the vector index
│   ├── EmbedderUnavailable    what makes vectors
│   ├── Draining               this process is stopping
│   └── Overloaded        529  too many wait already
├── UpstreamUnreachable   502  no answer from the provider
│   └── UpstreamTimeout   504  it was silent for too long
├── StreamBroken          502  the answer began and did not end
├── CredentialsLost       500  a continuation has nothing to sign in with
├── Reported               -   one that was told before, by its status and type
└── StartupFailed          -   one line on the terminal, exit status 1

Two translators read them: ``api/errors.py`` for HTTP, ``palimpsest/temporal/failures.py`` for
Temporal.
"""


class PalimpsestError(Exception):
    """Base: ``status`` is the HTTP status, ``kind`` the API's error type."""

    status: int = 500
    kind: str = "api_error"
    retryable: bool = False
    retry_after: int | None = None


class BadRequest(PalimpsestError):
    status = 400
    kind = "invalid_request_error"


class BodyTooLarge(BadRequest):
    status = 413
    kind = "request_too_large"


class HeadTooLarge(BadRequest):
    status = 431
    kind = "request_too_large"


class TooSlow(BadRequest):
    status = 408


class Unstorable(BadRequest):
    pass


class AlreadyEnded(PalimpsestError):
    status = 409
    kind = "invalid_request_error"


class Fenced(AlreadyEnded):
    pass


class Forbidden(PalimpsestError):
    status = 403
    kind = "permission_error"


class NotFound(PalimpsestError):
    status = 404
    kind = "not_found_error"


class Expired(NotFound):
    status = 410


class Unavailable(PalimpsestError):
    status = 503
    retryable = True
    retry_after = 2


class EngineUnavailable(Unavailable):
    pass


class DatabaseUnavailable(Unavailable):
    pass


class RedisUnavailable(Unavailable):
    pass


class IndexUnavailable(Unavailable):
    pass


class EmbedderUnavailable(Unavailable):
    pass


class Draining(Unavailable):
    pass


class Overloaded(Unavailable):
    status = 529
    kind = "overloaded_error"


class UpstreamUnreachable(PalimpsestError):
    status = 502
    retryable = True


class UpstreamTimeout(UpstreamUnreachable):
    status = 504
    kind = "timeout_error"


class StreamBroken(PalimpsestError):
    status = 502


class CredentialsLost(PalimpsestError):
    kind = "authentication_error"


class StartupFailed(PalimpsestError):
    pass


class Reported(PalimpsestError):
    """One that was reported before, by its status and type."""


def unforeseen(bug: Exception) -> PalimpsestError:
    """What everybody is told of an exception that is not ours; its log line tells the rest."""
    error = PalimpsestError("the proxy failed in a way nobody foresaw; its log says how")
    error.__cause__ = bug
    return error


def final(error: PalimpsestError) -> PalimpsestError:
    """The error as one that no retry can help: whatever could be tried has been."""
    error.retryable = False
    return error


def from_status(status: int, kind: str, message: str) -> PalimpsestError:
    """An error that crossed Temporal as a status and the API's error type."""
    error = Reported(message)
    error.status, error.kind = status, kind
    return error
