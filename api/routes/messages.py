"""`POST /v1/messages`: commit the request, start its workflow, hand on the answer."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import admission_of, target_of
from api.connection import connection_of
from api.middleware import request_id_of, show_request_id
from api.outage import pass_unmanaged
from api.process import process_of
from api.streaming import AnswerResponse, Pace, Reader
from api.waiting_room import Release, key_of
from palimpsest.context.options import check_options
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.exchange import Exchange
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import Unavailable, Unstorable
from palimpsest.runtime.offload import off_the_loop

router = APIRouter()


async def create_message(request: Request) -> Response:
    """Answers as the provider does, byte for byte."""
    admission = admission_of(request)
    admission.check_open()
    headers = tuple(request.scope["headers"])
    check_options(headers)
    release = await admission.room.enter(key_of(headers), connection_of(request.scope))
    try:
        return await _take_in(request, headers, release)
    except BaseException:
        release()
        raise


async def _take_in(request: Request, headers: RawHeaders, release: Release) -> Response:
    """``release`` gives its place to the next one, once the request is under way."""
    process, admission = process_of(request), admission_of(request)
    admission.check_open()
    came = await admission.read_body(request)
    body = await admission.decode_body(request, came)
    exchange = Exchange(
        request_id=request_id_of(request.scope),
        view=await off_the_loop(len(body), parse, body),
        target=target_of(request.scope),
        headers=headers,
        encoded=None if body is came else came,
    )
    try:
        carried = await process.edge.acceptance.accept(exchange)
    except (Unavailable, Unstorable) as error:
        unmanaged = await pass_unmanaged(process, exchange, error)
        release()
        return unmanaged
    carried.lifecycle.on_begun(release)
    show_request_id(request.scope, carried.request_id)
    joined = None if carried is exchange else headers
    reader = Reader(carried, connection_of(request.scope), process.edge.disconnects, joined)
    pace = Pace(process.settings.commit_after, process.settings.ping_after)
    return AnswerResponse(reader, process.edge.end_poller, pace)


# A plain route: what FastAPI adds to one (parameters, models, dependencies) has its price, and
# this is the one that every request takes.
router.add_route("/v1/messages", create_message, methods=["POST"])
