"""A page as the server makes it: a template in the language of whoever asks."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates

from bellgate.console.texts import LANGUAGES, choose, text

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "language"
YEAR_S = 31_536_000


class Shell:
    """Call it for a page: shell(request, "desk.html", 200, name=value, …)."""

    def __init__(self, gateway_id: str) -> None:
        self._gateway_id = gateway_id
        self._templates = Jinja2Templates(HERE / "templates")

    def __call__(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """The page; `?language=` is kept in a cookie."""
        asked = request.query_params.get("language")
        wanted = asked or request.cookies.get(LANGUAGE_COOKIE)
        language = choose(wanted, request.headers.get("Accept-Language"))
        answer = self._templates.TemplateResponse(
            request,
            template,
            {
                "language": language,
                "languages": LANGUAGES,
                "gateway": self._gateway_id,
                "t": lambda key, **places: text(language, key, **places),
                **values,
            },
            status_code=status,
            headers={"Content-Language": language},
        )
        if asked == language:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, samesite="strict")
        return answer
