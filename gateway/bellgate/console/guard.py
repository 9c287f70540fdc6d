"""Around every request: security headers, and a bound on what it may carry. Plain ASGI: streams pass through."""

from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The longest note is 2,000 characters, 8 kB in the worst case, and JSON may write each as \uXXXX.
BODY_MAX_BYTES = 32_768

HEADERS = {
    # No inline script or style, nothing from elsewhere: a bell's text can't become code even if it got into the page.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": a form would then send "Origin: null", and the sign-in could not be told from a foreign one.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses a body over BODY_MAX_BYTES with 413, whether or not it announces its length."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_MAX_BYTES:
                raise HTTPException(413, f"a request may carry at most {BODY_MAX_BYTES} bytes")
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                # Static files are asked for again and answered 304; everything else holds people's addresses.
                headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
            await send(message)

        await self._app(scope, bounded, with_headers)
