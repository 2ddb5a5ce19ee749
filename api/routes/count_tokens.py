"""`POST /v1/messages/count_tokens`: the count of what the model would see.

The prompt of a conversation that was rewritten is counted as it is sent, by its recorded decisions
and no new ones, so that the client's view of its size is that of the answers' `usage`. A count is
no answer: where the ledger cannot be read, the body passes as it came and a header says so.
"""

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import admission_of, target_of
from api.process import process_of
from api.routes.passthrough import forward_unmanaged
from palimpsest.conversations.lineage import named_session, project_of
from palimpsest.conversations.lookup import Arrival
from palimpsest.conversations.rendered import render
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.gateway.model import TENANT
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import BadRequest, DatabaseUnavailable
from palimpsest.runtime.offload import off_the_loop
from palimpsest.runtime.parts import Process

router = APIRouter()

_DEGRADED = (b"x-palimpsest-degraded", b"count: the ledger cannot be read")

_log = structlog.stdlib.get_logger()


async def count_tokens(request: Request) -> Response:
    """One request to the provider, without a workflow."""
    process = process_of(request)
    body = await admission_of(request).read_body(request)
    headers: RawHeaders = tuple(request.scope["headers"])
    target, ours = target_of(request.scope), ()
    try:
        headers, body = await _as_sent(process, headers, body)
    except BadRequest:
        # The provider has words of its own for it.
        pass
    except DatabaseUnavailable as error:
        _log.warning("a prompt is counted as it came", reason=str(error))
        ours = (_DEGRADED,)
    response = await forward_unmanaged(process, "POST", target, headers, body, why="count")
    response.raw_headers.extend(ours)
    return response


router.add_route("/v1/messages/count_tokens", count_tokens, methods=["POST"])


async def _as_sent(process: Process, headers: RawHeaders, body: bytes) -> tuple[RawHeaders, bytes]:
    view = await off_the_loop(len(body), parse, body)
    # A count of the messages alone, without `system`, does not tell the project.
    session = None if project_of(view) else named_session(TENANT, headers)
    caller = await process.context.callers.identify(headers)
    find_project = process.stores.conversations.find_session_project
    project = await find_project(session, caller) if session else ""
    lineage = await Arrival("", view, headers, caller).trace(project)
    epoch = (await process.context.epochs.read(lineage)).applied
    if epoch is None:
        return headers, body
    rendered = await off_the_loop(len(body), render, view, epoch)
    return rendered.headers(headers), rendered.body
