"""An app for `wasi:http` in Python, by componentize-py: what it is given comes back as it comes, and what it makes
goes as it is made."""

import time

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.types import (
    Fields,
    IncomingBody,
    IncomingRequest,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)

PIECE = (65536, 64)
# What one call of a stream's takes.
WRITE_MAX = 4096


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path = (request.path_with_query() or "/").split("?")[0]
        if path == "/":
            agent = request.headers().get("user-agent")
            answer(response_out, 200, [b"hello, " + (agent[0] if agent else b"nobody") + b"\n"])
        elif path == "/echo":
            answer(response_out, 200, pieces(request))
        elif path == "/stream":
            answer(response_out, 200, lines())
        elif path == "/large":
            answer(response_out, 200, (b"x" * PIECE[0] for _ in range(PIECE[1])))
        else:
            answer(response_out, 404, [b"not here\n"])


def lines():
    for at in range(3):
        time.sleep(0.05)
        yield f"line {at}\n".encode()


def pieces(request):
    body = request.consume()
    stream = body.stream()
    while True:
        try:
            yield stream.blocking_read(PIECE[0])
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                break
            raise
    stream.__exit__(None, None, None)
    IncomingBody.finish(body)


def answer(response_out, status, parts):
    response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    with body.write() as stream:
        for part in parts:
            for at in range(0, len(part), WRITE_MAX):
                stream.blocking_write_and_flush(part[at : at + WRITE_MAX])
    OutgoingBody.finish(body, None)
