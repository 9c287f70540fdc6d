"""What people and programs see of the gateway over HTTP.

    server    the app as a server in the gateway's event loop
    app       puts the rooms together: create_app(Deps) -> FastAPI
    deps      what the console needs from the rest of the gateway
    access    who asks, and what that role may do: one table; sessions, bearer tokens, CSRF
    signin    how fast somebody may guess passwords
    api       JSON API /api/v1, one module a subject
    live      server-sent events, resynchronised after a gap
    refusal   every error as one shape
    guard     security headers, and a bound on what a request may carry
    pages     sign-in and the dispatcher's page; templates/, static/
    texts     Korean and English from locale/<language>/*.po

`create_app` and `Deps` are in `bellgate.console.app`.
"""
