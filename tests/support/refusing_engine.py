"""A gRPC server that lets a Temporal client connect and refuses, or leaves without an answer, what
a test names."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc

_grpc: Any = grpc  # it comes without types


@asynccontextmanager
async def refusing(
    methods: Mapping[str, str], unanswered: Mapping[str, int] | None = None
) -> AsyncGenerator[str]:
    """The address; ``methods`` maps names to gRPC status names, ``unanswered`` says how many of the
    first calls get no answer. All others succeed, emptily."""
    left = dict(unanswered or {})

    class Handler(_grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            name = str(handler_call_details.method).rpartition("/")[2]

            async def answer(_: bytes, context: Any) -> bytes:
                if left.get(name, 0):
                    left[name] -= 1
                    await asyncio.Event().wait()
                if name in methods:
                    code = getattr(_grpc.StatusCode, methods[name])
                    await context.abort(code, f"{name} is not for you")
                return b""

            return _grpc.unary_unary_rpc_method_handler(answer)

    server: Any = _grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
