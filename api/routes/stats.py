"""`GET /v1/stats`: percentiles of each phase against its target, outcomes, tokens."""

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from api.admission import admission_of
from api.process import process_of
from palimpsest.runtime.metrics import TARGETS

router = APIRouter()


@router.get("/v1/stats")
async def stats(
    request: Request, hours: Annotated[float, Query(gt=0, le=24 * 365)] = 24
) -> Response:
    """Milliseconds, over the last ``hours``."""
    process = process_of(request)
    percentiles = await process.stores.stats.read_percentiles(hours)
    phases: dict[str, dict[str, float | None]] = {
        phase: dataclasses.asdict(found) for phase, found in percentiles.items()
    }
    for phase, (target, critical) in TARGETS.items():
        phases[phase]["target"] = target * 1000
        phases[phase]["critical"] = critical * 1000 if critical else None
    return JSONResponse(
        {
            "hours": hours,
            "in_flight": len(process.exchanges),
            "waiting": admission_of(request).room.waiting,
            "outcomes": await process.stores.stats.count_outcomes(hours),
            "phases_ms": phases,
            "tokens": await process.stores.stats.sum_tokens(hours),
        }
    )
