"""The load of a live run: planned arrivals go out at their times, and what came back is read as an OpenAI client would.

`sse`, `answer`, `message` and `prompt` are pure. `caller` and `arrivals` run on gevent, in the load process only.
"""
