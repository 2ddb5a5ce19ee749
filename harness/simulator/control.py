"""The control API of a simulator in another process, under ``/_sim/``.

GET  /_sim/health           {"ok":true,"total":n,"open":n}
GET  /_sim/log?since=N&bodies=1   {"total","open","calls":[...]}; DELETE forgets the calls
GET  /_sim/faults           the queue; POST pushes a fault or a list of faults; DELETE clears
POST /_sim/faults/rate      {"share":0.1,"seed":1,"faults":[...]}
POST /_sim/script           [[block,...],...]: the steps of every human turn
GET  /_sim/pace, POST       {"before_first_byte","between_events","delta_chars","text_chars"}
POST /_sim/settings         {"window":n|null,"validates_sum":bool|null,"lenient":bool}
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from harness.simulator.exchange import Send
from harness.simulator.faults import Fault
from harness.simulator.pace import Pace
from harness.simulator.shape import Obj

if TYPE_CHECKING:
    from harness.simulator.app import App


class Rate(msgspec.Struct):
    """The body of ``/_sim/faults/rate``."""

    share: float
    faults: list[Fault]
    seed: int = 0


class Settings(msgspec.Struct):
    """The body of ``/_sim/settings``; what is left out stays."""

    window: int | msgspec.UnsetType | None = msgspec.UNSET
    validates_sum: bool | msgspec.UnsetType | None = msgspec.UNSET
    lenient: bool | msgspec.UnsetType = msgspec.UNSET


def _health(app: "App", _body: bytes, _query: dict[str, list[str]]) -> Any:
    return {"ok": True, "total": app.log.total, "open": app.log.open}


def _log(app: "App", _body: bytes, query: dict[str, list[str]]) -> Any:
    since, bodies = int(query.get("since", ["0"])[0]), query.get("bodies", ["0"])[0] == "1"
    return app.log.state(since=since, bodies=bodies)


def _forget(app: "App", _body: bytes, _query: dict[str, list[str]]) -> Any:
    app.log.reset()
    return {}


def _faults(app: "App", _body: bytes, _query: dict[str, list[str]]) -> Any:
    return app.faults.pending()


def _push(app: "App", body: bytes, _query: dict[str, list[str]]) -> Any:
    many = body.lstrip().startswith(b"[")
    given = msgspec.json.decode(body if many else b"[%b]" % body, type=list[Fault])
    app.faults.push(*given)
    return {"pending": len(app.faults)}


def _clear(app: "App", _body: bytes, _query: dict[str, list[str]]) -> Any:
    app.faults.clear()
    return {}


def _rate(app: "App", body: bytes, _query: dict[str, list[str]]) -> Any:
    rate = msgspec.json.decode(body, type=Rate)
    app.faults.rate(rate.share, *rate.faults, seed=rate.seed)
    return {}


def _script(app: "App", body: bytes, _query: dict[str, list[str]]) -> Any:
    app.api.script.set(msgspec.json.decode(body, type=list[list[Obj]]))
    return {"steps": len(app.api.script.steps)}


def _pace(app: "App", _body: bytes, _query: dict[str, list[str]]) -> Any:
    return app.pace


def _set_pace(app: "App", body: bytes, _query: dict[str, list[str]]) -> Any:
    app.pace = msgspec.json.decode(body, type=Pace)
    return app.pace


def _settings(app: "App", body: bytes, _query: dict[str, list[str]]) -> Any:
    wanted = msgspec.json.decode(body, type=Settings)
    if wanted.window is not msgspec.UNSET:
        app.api.window = wanted.window
    if wanted.validates_sum is not msgspec.UNSET:
        app.api.validates_sum = wanted.validates_sum
    if wanted.lenient is not msgspec.UNSET:
        app.lenient = wanted.lenient
    return {}


ROUTES: dict[tuple[str, str], Callable[["App", bytes, dict[str, list[str]]], Any]] = {
    ("GET", "health"): _health,
    ("GET", "log"): _log,
    ("DELETE", "log"): _forget,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _push,
    ("DELETE", "faults"): _clear,
    ("POST", "faults/rate"): _rate,
    ("POST", "script"): _script,
    ("GET", "pace"): _pace,
    ("POST", "pace"): _set_pace,
    ("POST", "settings"): _settings,
}


async def handle(app: "App", method: str, path: str, query: bytes, body: bytes, send: Send) -> None:
    """Answer one call to the control API."""
    route = ROUTES.get((method, path.removeprefix("/_sim/")))
    if route is None:
        status, answer = 404, b'{"error":"no such control"}'
    else:
        try:
            told = route(app, body, parse_qs(query.decode("latin-1")))
            status, answer = 200, msgspec.json.encode(told)
        except (msgspec.MsgspecError, ValueError) as error:
            status, answer = 400, msgspec.json.encode({"error": str(error)})
    length = b"%d" % len(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
