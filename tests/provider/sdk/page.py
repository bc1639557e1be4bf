"""The page about what each SDK does: the measurement as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

from .cases import ERRORS, HASTY_S, PATIENT_S, PLAIN, REFILLED, RETRIES, STEADY_S, STREAMS, Case
from .heard import Heard
from .measure import Measured

_COLUMNS = {
    "openai": "`openai`, chat completions",
    "responses": "`openai`, responses",
    "anthropic": "`anthropic`",
    "gemini": "`google-genai`, asyncio",
    "gemini-blocking": "`google-genai`, blocking",
    "cohere": "`cohere`",
}
_ALIKE = {"azure": "Azure", "openrouter": "OpenRouter", "deepseek": "DeepSeek"}
_HELPER_COLUMNS = {
    "openai-helper": "`chat.completions.stream`",
    "responses-helper": "`responses.stream`",
    "anthropic-helper": "`messages.stream`",
}
_VENDOR_COLUMNS = {"groq": "`groq`", "mistral": "`mistralai`"}
_OLLAMA_COLUMNS = {"ollama_chat": "`ollama`, chat", "ollama": "`ollama`, generate"}
_BOTO3_COLUMNS = {"bedrock": "`boto3`, Converse", "bedrock-invoke": "`boto3`, InvokeModel"}
_VERTEX_COLUMNS = {"vertex_ai": "`google-genai`, asyncio", "vertex_ai-claude": "`AsyncAnthropicVertex`"}
LITELLM_COLUMNS = {
    "litellm-bedrock": "Bedrock, Converse",
    "litellm-bedrock-invoke": "Bedrock, InvokeModel",
    "litellm-cohere": "Cohere",
    "litellm-vertex_ai": "Vertex AI, Gemini",
    "litellm-vertex_ai-claude": "Vertex AI, Anthropic",
    "litellm-groq": "Groq",
    "litellm-mistral": "Mistral",
    "litellm-xai": "xAI",
    "litellm-cloudflare": "Cloudflare",
    "litellm-plain": "a plain vendor",
    "litellm-ollama_chat": "Ollama, chat",
    "litellm-ollama": "Ollama, generate",
}
_ERROR_COLUMNS = {
    "openai": "OpenAI",
    "azure": "Azure",
    "openrouter": "OpenRouter",
    "deepseek": "DeepSeek",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "bedrock": "Bedrock",
    "cohere": "Cohere",
    "vertex_ai": "Vertex AI, Gemini",
    "vertex_ai-claude": "Vertex AI, Anthropic",
    "groq": "Groq",
    "mistral": "Mistral",
    "ollama_chat": "Ollama",
}
_RETRY_COLUMNS = {
    "openai": "`openai`",
    "azure": "`openai`, Azure",
    "anthropic": "`anthropic`",
    "gemini": "`google-genai`, asyncio",
    "gemini-retrying": "the same with `HttpRetryOptions()`",
}

_PACKAGES = ("openai", "anthropic", "google-genai", "boto3", "cohere", "groq", "mistralai", "ollama", "litellm")

Cell = Callable[[Heard, Heard], str]


def render(measured: Measured, retried: Measured) -> str:
    """Return the page."""
    sdks = ", ".join(f"`{name}` {version(name)}" for name in _PACKAGES)
    return "\n".join(
        [
            _INTRODUCTION.format(sdks=sdks, patient=f"{PATIENT_S:g}", steady=f"{STEADY_S:g}", hasty=f"{HASTY_S:g}"),
            "## Streams\n",
            *_table("fault", STREAMS, _COLUMNS, measured, cell),
            *_alike(STREAMS, measured),
            "### Streams of AWS Bedrock\n",
            _AWS,
            *_table("fault", STREAMS, _BOTO3_COLUMNS, measured, cell),
            "### Streams of Vertex AI\n",
            *_table("fault", STREAMS, _VERTEX_COLUMNS, measured, cell),
            "### Streams of Groq and Mistral\n",
            *_table("fault", STREAMS, _VENDOR_COLUMNS, measured, cell),
            "### Streams of Ollama\n",
            *_table("fault", STREAMS, _OLLAMA_COLUMNS, measured, cell),
            "### Through the SDKs' own helpers\n",
            _HELPERS,
            *_table("fault", STREAMS, _HELPER_COLUMNS, measured, cell),
            "## Plain answers\n",
            *_table("fault", PLAIN, _COLUMNS, measured, cell),
            *_alike(PLAIN, measured),
            "### Plain answers of AWS Bedrock\n",
            *_table("fault", PLAIN, _BOTO3_COLUMNS, measured, cell),
            "### Plain answers of Vertex AI\n",
            *_table("fault", PLAIN, _VERTEX_COLUMNS, measured, cell),
            "### Plain answers of Groq and Mistral\n",
            *_table("fault", PLAIN, _VENDOR_COLUMNS, measured, cell),
            "### Plain answers of Ollama\n",
            *_table("fault", PLAIN, _OLLAMA_COLUMNS, measured, cell),
            "## Error presets\n",
            "Status, exception, and the code (else the type) that the exception tells.\n",
            *_table("`error`", ERRORS, _ERROR_COLUMNS, measured, error_cell),
            "## Through LiteLLM\n",
            _LITELLM,
            "### Streams through LiteLLM\n",
            *_table("fault", STREAMS, LITELLM_COLUMNS, measured, cell),
            "### Plain answers through LiteLLM\n",
            *_table("fault", PLAIN, LITELLM_COLUMNS, measured, cell),
            "### Error presets through LiteLLM\n",
            *_table("`error`", ERRORS, LITELLM_COLUMNS, measured, error_cell),
            "## The SDKs' own retries\n",
            _RETRIES,
            *_table("fault", [*RETRIES, REFILLED], _RETRY_COLUMNS, retried, retry_cell),
        ]
    )


def _table(head: str, cases: Sequence[Case], columns: dict[str, str], measured: Measured, said: Cell) -> list[str]:
    rows = [f"| {head} | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for case in cases:
        keys = [(name, case.name) for name in columns]
        cells = (said(measured[key], fine_of(measured, key[0], case)) if key in measured else "–" for key in keys)
        rows.append(f"| {case.text} | {' | '.join(cells)} |")
    return [*rows, ""]


def _alike(cases: Sequence[Case], measured: Measured) -> list[str]:
    """Say where the users of the openai SDK at other providers meet something else than OpenAI's do."""
    lines = []
    for name, title in _ALIKE.items():
        for case in cases:
            usual = cell(measured["openai", case.name], fine_of(measured, "openai", case), codes=False)
            own = cell(measured[name, case.name], fine_of(measured, name, case), codes=False)
            if own != usual:
                lines.append(f"- {title}, {case.text}: {own}")
    same = "Azure, OpenRouter and DeepSeek, asked through the `openai` SDK: as its chat completions, with codes of their own"
    return [f"{same}, but for", "", *lines, ""] if lines else [f"{same}.", ""]


def fine_of(measured: Measured, name: str, case: Case) -> Heard:
    """Return what comes out of a client's call when nothing is wrong."""
    return measured.get((name, "stream-fine" if case.streaming else "plain-fine"), Heard())


def cell(heard: Heard, fine: Heard, *, codes: bool = True) -> str:
    """Return what came out of one call, where `fine` is what comes out when nothing is wrong."""
    if heard is not fine and heard.attempts[-1].fault_id is None:
        return "has no such sign"
    if heard.error is not None:
        raised = f"`{heard.raised}`" + (f" (`{heard.code}`)" if heard.code and codes else "")
        return raised if heard.share == "none" else f"{heard.share}, then {raised}"
    if heard.misread is not None:
        return f"**no error**, but no answer either: to read it raises `{type(heard.misread).__name__}`"
    notes = []
    if heard.finish is None:
        notes.append("no finish reason")
    elif heard.finish != fine.finish or heard.share != "whole":
        notes.append(f"finish reason `{heard.finish}`")
    if heard.usage != fine.usage:
        notes.append("incomplete usage" if heard.usage else "no usage")
    came = heard.share
    if came != "whole":
        came += ", no error"
        if heard.finish in {None, fine.finish}:
            came = f"**{came}**"
    return ", ".join((came, *notes))


def error_cell(heard: Heard, _fine: Heard) -> str:
    """Return an error as its exception has it."""
    name = (heard.raised or "").rpartition(".")[2]
    return f"{heard.status} `{name}`" + (f" `{heard.code}`" if heard.code not in (None, name) else "")


def retry_cell(heard: Heard, _fine: Heard) -> str:
    """Return how often an SDK tried, how long it waited, and what came out."""
    tries = len(heard.attempts)
    words = [f"{tries} attempts" if tries > 1 else "1 attempt"]
    if heard.waits_s:
        words.append("waits as told" if heard.waited_as_told else "waits of its own")
    words.append(f"`{heard.raised}`" if heard.error else heard.share)
    return ", ".join(words)


_INTRODUCTION = """\
# What the official SDKs do with each fault

Measured, not written: `make schema` asks every SDK through every fault over real sockets and writes this page, and a test
compares it with what it measures. Faults are those of [faults.md](faults.md). The SDKs are {sdks}.
Each asks once, without retries, with a timeout of {patient} s, or of {hasty} s where that is to run out ({steady} s for
`keepalive`, whose comments come every second). A stream has 8 tokens, and a fault acts after 4 of them.

How to read a cell: how much of the text came (`whole`, `part`, `none`), then the exception that ended it, with the provider's
code where it has one. **Bold** is what a caller does not notice who only waits for exceptions and looks at the text.
"""

_HELPERS = """\
They read the whole stream and put the answer together; what is said here is said of their final answer.
"""

_AWS = """\
`boto3` reads an event whose JSON is not valid as an event without content: the `KeyError` is that of a caller who reads its text.
InvokeModel is called with Anthropic's messages.
"""

_LITELLM = """\
One call of `litellm.acompletion`, without retries. The exceptions are LiteLLM's own; an error that ends a stream has another one
within it, in parentheses here. A stream that ends early gets the finish reason `stop`, and usage that is missing is estimated.
LiteLLM does not read how a stream of Cohere's ended: neither its reason nor its usage, nor an error,
and it leaves out the headers of Cohere's errors, Retry-After among them.
An error inside a stream of Mistral's or Cloudflare's is not noticed. One of Ollama's chat is a `BadRequestError` and no
`MidStreamFallbackError`, whatever it is, so the Router does not fall back; of Ollama's generate it reads no reason for the end.
In a stream of Gemini's on Vertex AI it has no timeout. *garbled* means that a token in the middle is missing and nothing is raised.
"""

_RETRIES = """\
With the SDK's defaults: attempts counted at the provider, waits as the SDK asked for them. *Once* means that the first attempt
of the call meets the fault, and the next does not.
"""
