"""What LiteLLM's caller gets in each case; see `outcomes`."""

from __future__ import annotations

from collections.abc import Mapping

from .heard import Outcome
from .outcomes import outcomes_of

Names = Mapping[str, str]

_LITELLM: Names = {
    "stream-cut": "MidStreamFallbackError",
    "stream-reset": "MidStreamFallbackError",
    "stream-stall-long": "MidStreamFallbackError",
    "stream-malformed": "MidStreamFallbackError",
    "stream-error": "MidStreamFallbackError",
    "stream-error-first": "MidStreamFallbackError",
    "stream-error-overloaded": "MidStreamFallbackError",
    "stream-ttft-long": "MidStreamFallbackError",
    "stream-503": "ServiceUnavailableError",
    "plain-cut": "APIConnectionError",
    "plain-cut-reset": "APIConnectionError",
    "plain-stall-long": "Timeout",
    "plain-close": "APIConnectionError",
    "plain-reset": "APIConnectionError",
    "plain-silent": "Timeout",
    "plain-delay-long": "Timeout",
    "plain-html": "BadRequestError",
    "plain-shape": "APIConnectionError",
    "plain-html-502": "BadGatewayError",
}
_LITELLM_INVOKE: Names = {
    **_LITELLM,
    "plain-cut": "ServiceUnavailableError",
    "plain-cut-reset": "ServiceUnavailableError",
    "plain-close": "ServiceUnavailableError",
    "plain-reset": "ServiceUnavailableError",
    "plain-html": "APIConnectionError",
}
# LiteLLM does not read how a stream of Cohere's ended, whether in an error or not.
_LITELLM_COHERE: Names = {
    **{name: error for name, error in _LITELLM.items() if not name.startswith("stream-error")},
    "plain-cut": "InternalServerError",
    "plain-cut-reset": "InternalServerError",
    "plain-close": "InternalServerError",
    "plain-reset": "InternalServerError",
    "plain-html": "APIConnectionError",
}
_UNTIMED = ("stream-stall-long", "stream-ttft-long")
# In a stream of Gemini's LiteLLM has no timeout, and it notices an error's status when the stream is read.
_LITELLM_VERTEX: Names = {
    **{name: error for name, error in _LITELLM.items() if name not in _UNTIMED},
    "stream-503": "MidStreamFallbackError",
    "plain-shape": "BadRequestError",
    "plain-html-502": "APIConnectionError",
}
_LITELLM_VERTEX_CLAUDE: Names = {
    **_LITELLM,
    "plain-cut": "InternalServerError",
    "plain-cut-reset": "InternalServerError",
    "plain-close": "InternalServerError",
    "plain-reset": "InternalServerError",
    "plain-html": "APIConnectionError",
    "plain-html-502": "APIConnectionError",
}
_STOPPED: dict[str, Outcome] = {"stream-malformed": ("part", None, "stop")}
"""An event that cannot be read ends the stream, as if it were complete."""
_LITELLM_COMPATIBLE: Names = {
    **{case: error for case, error in _LITELLM.items() if case != "stream-malformed"},
    "plain-cut": "InternalServerError",
    "plain-cut-reset": "InternalServerError",
    "plain-close": "InternalServerError",
    "plain-reset": "InternalServerError",
    "plain-html": "APIConnectionError",
    "plain-shape": "APIError",
}
_LITELLM_GROQ: Names = {**_LITELLM_COMPATIBLE, "plain-shape": "APIConnectionError"}
_LITELLM_XAI: Names = {**_LITELLM_COMPATIBLE, "plain-html": "APIError"}
_LITELLM_MISTRAL: Names = {
    case: error for case, error in _LITELLM_COMPATIBLE.items() if not case.startswith("stream-error")
}
_LITELLM_CLOUDFLARE: Names = {
    **{case: error for case, error in _LITELLM.items() if case != "stream-malformed" and "stream-error" not in case},
    "plain-html": "APIConnectionError",
    "plain-shape": "APIError",
}
_LITELLM_OLLAMA: Names = {
    **{case: error for case, error in _LITELLM.items() if case != "plain-shape"},
    "plain-html": "APIConnectionError",
}
# It looks for a message in the line that holds an error, and calls it a bad request that there is none.
_LITELLM_OLLAMA_CHAT: Names = {
    **{case: error for case, error in _LITELLM.items() if case != "stream-malformed"},
    "stream-error": "BadRequestError",
    "stream-error-first": "BadRequestError",
    "stream-error-overloaded": "BadRequestError",
    "plain-html": "APIConnectionError",
}
_UNREAD_END: dict[str, Outcome] = {
    "stream-error": ("part", None, "stop"),
    "stream-error-first": ("none", None, "stop"),
    "stream-error-overloaded": ("part", None, "stop"),
}
"""LiteLLM reads no error inside a stream that has no object `error` around it; the stream then ends as if complete."""

_EARLY_END: dict[str, Outcome] = {"stream-end": ("part", None, "stop")}
"""LiteLLM invents a reason for the end of a stream that has none."""
_SHAPELESS: dict[str, Outcome] = {"plain-shape": ("none", None, "stop")}
"""LiteLLM takes JSON of any shape for an answer of `generate`, one without text."""
_SKIPPED: dict[str, Outcome] = {"stream-malformed": ("garbled", None, "stop")}
"""An event of InvokeModel, of chat completions, or of Ollama's chat, that cannot be read is left out, with the token in it."""


def _compatible(raised: Names) -> dict[str, Outcome]:
    """Return the outcomes of a vendor that speaks OpenAI's chat completions, through LiteLLM."""
    return outcomes_of(raised, stop="stop", filtered="content_filter") | _EARLY_END | _SKIPPED


LITELLM_OUTCOMES: dict[str, dict[str, Outcome]] = {
    **dict.fromkeys(
        ("litellm-cohere", "litellm-cohere-chat"),
        outcomes_of(_LITELLM_COHERE, stop="stop", filtered="stop") | _EARLY_END | _UNREAD_END,
    ),
    "litellm-vertex_ai": outcomes_of(_LITELLM_VERTEX, stop="stop", filtered="content_filter")
    | _EARLY_END
    | _STOPPED
    | dict.fromkeys(_UNTIMED, ("whole", None, "stop")),
    "litellm-vertex_ai-claude": outcomes_of(_LITELLM_VERTEX_CLAUDE, stop="stop", filtered="content_filter")
    | _EARLY_END
    | _STOPPED,
    "litellm-bedrock": outcomes_of(_LITELLM, stop="stop", filtered="content_filter") | _EARLY_END,
    "litellm-bedrock-invoke": outcomes_of(_LITELLM_INVOKE, stop="stop", filtered="content_filter")
    | _EARLY_END
    | _SKIPPED,
    "litellm-groq": _compatible(_LITELLM_GROQ),
    "litellm-mistral": _compatible(_LITELLM_MISTRAL) | _UNREAD_END,
    "litellm-xai": _compatible(_LITELLM_XAI),
    "litellm-cloudflare": _compatible(_LITELLM_CLOUDFLARE) | _UNREAD_END,
    "litellm-plain": _compatible(_LITELLM_XAI),
    "litellm-ollama": outcomes_of(_LITELLM_OLLAMA, stop="stop", filtered="stop") | _EARLY_END | _SHAPELESS,
    "litellm-ollama_chat": _compatible(_LITELLM_OLLAMA_CHAT),
}
"""By way through LiteLLM and case."""
