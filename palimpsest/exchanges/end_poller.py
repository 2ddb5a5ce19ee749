"""Looking after a client whose answer does not come: it may have ended elsewhere."""

from api.proxy import Proxy
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import EndCause, Outcome, RequestState
from palimpsest.exchanges.recorded_answer import replay
from palimpsest.runtime.errors import (
    DatabaseUnavailable,
    NotFound,
    StreamBroken,
    from_status,
)


async def look(proxy: Proxy, exchange: Exchange) -> None:
    """Give the client what another process recorded; notice a workflow that was ended. While
    another process streams to us there is nothing to look for."""
    if proxy.following and not proxy.following.quiet(exchange.request_id):
        return
    try:
        row = await proxy.requests.row(exchange.request_id)
        if row["state"] == RequestState.ENDED:
            await _give(proxy, exchange)
        elif await proxy.starter.has_ended(exchange.request_id):
            reason = EndCause.OPERATOR_ENDED_WORKFLOW
            if await proxy.requests.fail(exchange.request_id, Outcome.CANCELLED, 503, reason):
                exchange.answer.fail(StreamBroken(f"the request ended: {reason}"))
    except DatabaseUnavailable:
        return


async def _give(proxy: Proxy, exchange: Exchange) -> None:
    if exchange.answer.ended or exchange.finishing:
        return
    try:
        row, content = await proxy.requests.response(exchange.request_id)
    except NotFound:
        row = await proxy.requests.row(exchange.request_id)
        reason = str(row["reason"] or row["outcome"])
        exchange.answer.fail(from_status(row["status"] or 503, "api_error", reason))
        return
    told = row["outcome"] in (Outcome.ANSWERED, Outcome.UPSTREAM_ERROR)
    if told and content.startswith(exchange.answer.content()):
        replay(exchange.answer, row, content)
    else:
        exchange.answer.fail(StreamBroken(str(row["reason"] or "the answer broke off")))
