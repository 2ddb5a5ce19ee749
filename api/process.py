"""The process that a route works for."""

from typing import cast

from starlette.requests import Request

from palimpsest.runtime.parts import Process


def process_of(request: Request) -> Process:
    return cast("Process", request.app.state.process)
