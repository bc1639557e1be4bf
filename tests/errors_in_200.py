"""Bodies of plain answers whose status is 200 and that hold an error, as vendors send them, by kind of request."""

from __future__ import annotations

from typing import Any

from harness.provider.kinds import Kind

_FAILED: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "failed",
    "error": {"code": "server_error", "message": "The server had an error."},
    "incomplete_details": None,
    "instructions": None,
    "model": "gpt-4",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "temperature": 1.0,
    "top_p": 1.0,
    "usage": None,
    "metadata": {},
}
IN_200: dict[Kind, dict[str, Any]] = {
    "chat": {"choices": None, "error": {"message": "Provider returned error", "code": 429}},
    "responses": _FAILED,
    "messages": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
}
CODES: dict[Kind, str] = {"chat": "429", "responses": "server_error", "messages": "overloaded_error"}
"""The code in each."""
