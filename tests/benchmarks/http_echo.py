"""The bare framework: a FastAPI application that gives a body back, behind uvicorn as the service has it."""

from __future__ import annotations

import sys

from fastapi import FastAPI, Request, Response

from console.http.server import listening, serve, url_of


def main() -> None:
    app = FastAPI()

    @app.post("/v1/facts")
    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    with listening(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{url_of(listener)}\n")
        sys.stdout.flush()
        serve(app, listener)


if __name__ == "__main__":
    main()
