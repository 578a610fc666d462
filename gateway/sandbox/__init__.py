"""An upstream simulator: speaks the vendors' native formats, written from the vendors' documents.

`app.create_app` is the ASGI application, `server.serve` a process around it, `server.start_sandbox`
one in a thread for tests. README.md beside this file lists the scenes a model name picks. Nothing
here knows `gateway.providers`: the two are independent readings, and disagree loudly in tests.
"""
