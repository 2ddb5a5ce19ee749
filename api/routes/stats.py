"""`GET /v1/stats`: percentiles of each phase against its target, outcomes, tokens."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from api.process import process_of
from palimpsest.runtime.metrics import TARGETS

router = APIRouter()


@router.get("/v1/stats")
async def stats(
    request: Request, hours: Annotated[float, Query(gt=0, le=24 * 365)] = 24
) -> Response:
    """Milliseconds, over the last ``hours``."""
    process = process_of(request)
    percentiles = await process.stores.stats.percentiles(hours)
    for phase, (target, critical) in TARGETS.items():
        percentiles[phase]["target"] = target * 1000
        percentiles[phase]["critical"] = critical * 1000 if critical else None
    return JSONResponse(
        {
            "hours": hours,
            "in_flight": len(process.exchanges),
            "outcomes": await process.stores.stats.outcomes(hours),
            "phases_ms": percentiles,
            "tokens": await process.stores.stats.tokens(hours),
        }
    )
