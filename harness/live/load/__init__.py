"""The load of a live run: planned arrivals go out at their times, whatever became of the others.

`message` is pure. `caller` and `arrivals` run on gevent, in the load process only.
"""
