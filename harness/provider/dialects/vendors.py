"""What is each vendor's own among those that speak OpenAI's chat completions. A vendor without a row is plain.

Each row names where its facts are from.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.provider.dialects import rules
from harness.provider.dialects import vendor_shapes as shapes
from harness.provider.dialects.chat import ChatError, Flavour
from harness.provider.dialects.openai import OPENAI
from harness.provider.dialects.vendor_shapes import Vendor


def _numbered(code: int, message: str) -> ChatError:
    return ChatError(None, str(code), message)


_NEURONS = (
    "AiError: AiError: you have used up your daily free allocation of 10,000 neurons, please upgrade to Cloudflare's "
    "Workers Paid plan if you would like to continue usage."
)

PLAIN = Vendor(source="https://platform.openai.com/docs/api-reference/chat", home=None)

_XAI_SPENT = (
    "Your team has either used all available credits or reached its monthly spending limit. To continue making API requests, "
    "please purchase more credits or raise your spending limit."
)

VENDORS: Mapping[str, Vendor] = {
    "groq": Vendor(
        source="https://console.groq.com/docs/rate-limits, https://console.groq.com/docs/errors, "
        "https://github.com/cottongeeks/podscript/issues/20",
        home="https://api.groq.com",
        base="/openai/v1",
        sdk="GROQ_BASE_URL={host}",
        flavour=Flavour(every=',"service_tier":"on_demand"', usage_at_finish=False),
        errors={
            "rate_limit": ChatError(
                "requests",
                "rate_limit_exceeded",
                "Rate limit reached for model `{model}` in organization `org_mock` service tier `on_demand` on requests "
                "per minute (RPM): Limit 30, Used 30, Requested 1.",
            ),
            "server_error": ChatError("internal_server_error", None, "Internal Server Error"),
            "unavailable": ChatError("internal_server_error", None, "Service Unavailable"),
            "overloaded": ChatError(
                "internal_server_error", None, "{model} is currently over capacity. Please try again and back off."
            ),
            "too_large": ChatError(
                "tokens",
                "rate_limit_exceeded",
                "Request too large for model `{model}` in organization `org_mock` service tier `on_demand` on tokens per "
                "minute (TPM): Limit 6000, Requested 9001, please reduce your message size and try again.",
            ),
        },
        shape=shapes.brief,
        limits=OPENAI.quota_headers,
    ),
    "mistral": Vendor(
        source="https://docs.mistral.ai/api, https://github.com/raycast/extensions/issues/31107, "
        "https://github.com/continuedev/continue/issues/6185",
        home="https://api.mistral.ai",
        flavour=Flavour(id_prefix="", usage_at_finish=True, call_prefix="", call_digits=9),
        request_id="mistral-correlation-id",
        sdk='Mistral(server_url="{host}")',
        errors={
            "rate_limit": ChatError("rate_limited", "1300", "Rate limit exceeded"),
            "overloaded": ChatError(
                "service_tier_capacity_exceeded", "3505", "Service tier capacity exceeded for this model."
            ),
            "server_error": ChatError("internal_server_error", "3000", "Internal server error"),
            "unavailable": ChatError("unreachable_backend", "1100", "Service unavailable."),
            "invalid_request": ChatError("invalid_request_error", "3051", "Invalid request."),
            "not_found": ChatError("invalid_model", "1500", "Invalid model: {model}"),
            "auth": ChatError("unauthorized", "1000", "Unauthorized"),
        },
        statuses={"overloaded": 429, "invalid_request": 422, "not_found": 400},
        shape=shapes.of_mistral,
        broken=rules.of_mistral,
        limits=shapes.limits_of_mistral,
    ),
    "cerebras": Vendor(
        source="https://inference-docs.cerebras.ai/support/rate-limits, https://inference-docs.cerebras.ai/support/error, "
        "https://github.com/nminaya/grammar-nazi-bot/issues/954",
        home="https://api.cerebras.ai",
        errors={
            "rate_limit": ChatError(
                "too_many_requests_error",
                "request_quota_exceeded",
                "Requests per minute limit exceeded - too many requests sent.",
                "quota",
            ),
            "quota": ChatError(
                "too_many_tokens_error", "token_quota_exceeded", "Tokens per day limit exceeded.", "quota"
            ),
            "overloaded": ChatError(
                "too_many_requests_error",
                "queue_exceeded",
                "We're experiencing high traffic right now! Please try again soon.",
                "queue",
            ),
            "context_length": ChatError(
                "invalid_request_error",
                "context_length_exceeded",
                "Please reduce the length of the messages or completion. Current length is 9001 while limit is 8192",
                "messages",
            ),
            "not_found": ChatError("not_found_error", "model_not_found", "Model {model} does not exist.", "model"),
            "auth": ChatError("invalid_request_error", "wrong_api_key", "Wrong API Key", "api_key"),
        },
        statuses={"overloaded": 429},
        shape=shapes.bare,
        limits=shapes.limits_of_cerebras,
    ),
    "xai": Vendor(
        source="https://docs.x.ai/docs/key-information/debugging, https://github.com/continuedev/continue/issues/10778, "
        "https://github.com/continuedev/continue/issues/10740",
        home="https://api.x.ai",
        errors={
            "rate_limit": ChatError(None, "Some resource has been exhausted", "Too many requests."),
            "quota": ChatError(None, "Some resource has been exhausted", _XAI_SPENT),
            "spend_limit": ChatError(None, "Some resource has been exhausted", _XAI_SPENT),
            "auth": ChatError(
                None,
                "Client specified an invalid argument",
                "Incorrect API key provided. You can obtain an API key from https://console.x.ai.",
            ),
            "permission": ChatError(
                None, "The caller does not have permission to execute the specified operation", "Permission denied."
            ),
            "not_found": ChatError(
                None,
                "Some requested entity was not found",
                "The model {model} does not exist or your team does not have access to it.",
            ),
        },
        statuses={"auth": 400},
        shape=shapes.as_text,
        limits=OPENAI.quota_headers,
    ),
    "cloudflare": Vendor(
        source="https://developers.cloudflare.com/workers-ai/platform/errors/, https://github.com/cloudflare/ai/issues/657",
        home=None,
        base="/client/v4/accounts/mock/ai/v1",  # LiteLLM 1.100 and later; 1.90 asks in the native format
        request_id="cf-ray",
        errors={
            "rate_limit": _numbered(3021, "AiError: AiError: rate limiting: inference request per min rate reached"),
            "quota": _numbered(3036, _NEURONS),
            "spend_limit": _numbered(3036, _NEURONS),
            "overloaded": _numbered(3040, "Capacity temporarily exceeded, please try again."),
            "server_error": _numbered(3043, "AiError: AiError: Internal server error"),
            "unavailable": _numbered(3043, "AiError: AiError: Service unavailable"),
            "timeout": _numbered(3007, "AiError: AiError: Request timeout"),
            "context_length": _numbered(
                5021,
                "AiError: AiError: The estimated number of input and maximum output tokens (144512) exceeded this model "
                "context window limit (128000).",
            ),
            "content_filter": _numbered(3030, "AiError: AiError: the prompt was blocked by a content filter"),
            "invalid_request": _numbered(
                5006, "AiError: AiError: Bad input: Error: required properties at '/' are 'messages'"
            ),
            "auth": _numbered(10000, "Authentication error"),
            "permission": _numbered(5018, "This account is not allowed to access this model"),
            "not_found": _numbered(5007, "AiError: AiError: No such model {model} or task"),
            "too_large": _numbered(3006, "AiError: AiError: Request is too large"),
            "unknown_path": _numbered(7000, "No route for that URI"),
        },
        statuses={"overloaded": 429, "timeout": 408, "context_length": 413, "not_found": 400, "unknown_path": 400},
        shape=shapes.in_envelope,
    ),
    "together_ai": Vendor(
        source="https://docs.together.ai/docs/error-codes, https://docs.together.ai/docs/rate-limits, "
        "https://github.com/togethercomputer/MoA/issues/27",
        home="https://api.together.ai",
        keys=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        errors={
            "rate_limit": ChatError(
                "credit_limit", None, "You have been rate limited. Your rate limit is 60 queries per minute."
            ),
        },
        statuses={"quota": 402, "spend_limit": 402, "context_length": 403},
        limits=shapes.limits_of_together,
    ),
    "fireworks_ai": Vendor(
        source="https://docs.fireworks.ai/guides/inference-error-codes, https://github.com/warpdotdev/warp/issues/15107",
        home="https://api.fireworks.ai",
        base="/inference/v1",
        keys=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        model=lambda name: name if name.startswith("accounts/") or "#" in name else f"accounts/fireworks/models/{name}",
        errors={
            "not_found": ChatError("error", "NOT_FOUND", "Model not found, inaccessible, and/or not deployed", "model"),
        },
        statuses={"quota": 402, "spend_limit": 412, "timeout": 408},
    ),
    "perplexity": Vendor(
        source="https://docs.perplexity.ai/api-reference/chat-completions-post",
        home="https://api.perplexity.ai",
        base="",
        keys=("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
        flavour=Flavour(id_prefix="", every=',"citations":[],"search_results":[]', usage_at_finish=True),
    ),
    "deepinfra": Vendor(
        source="https://deepinfra.com/docs/openai_api, https://github.com/truefoundry/models/pull/862",
        home="https://api.deepinfra.com",
        base="/v1/openai",
        errors={"overloaded": ChatError(None, None, "Model busy, retry later")},
        statuses={"overloaded": 429},
        shape=shapes.brief,
    ),
    "nvidia_nim": Vendor(
        source="https://github.com/NousResearch/hermes-agent/issues/69802, "
        "https://github.com/Alishahryar1/free-claude-code/issues/30",
        home="https://integrate.api.nvidia.com",
        errors={"rate_limit": ChatError(None, "Too Many Requests", "Too many requests.")},
        shape=lambda status, error, message: (
            shapes.as_problem if error.code == "Too Many Requests" else shapes.under_error
        )(status, error, message),
    ),
    "databricks": Vendor(
        source="https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/limits, "
        "https://docs.databricks.com/api/workspace/introduction",
        home=None,
        base="/serving-endpoints",
        errors={
            "rate_limit": ChatError(None, "REQUEST_LIMIT_EXCEEDED", "Exceeded the rate limit of the workspace."),
            "unavailable": ChatError(None, "TEMPORARILY_UNAVAILABLE", "The service is temporarily unavailable."),
            "server_error": ChatError(None, "INTERNAL_ERROR", "An internal error occurred."),
            "invalid_request": ChatError(None, "BAD_REQUEST", "Bad request."),
            "permission": ChatError(None, "PERMISSION_DENIED", "You do not have permission."),
            "not_found": ChatError(None, "ENDPOINT_NOT_FOUND", "The endpoint {model} does not exist."),
        },
        shape=shapes.of_databricks,
    ),
    "moonshot": Vendor(
        source="https://platform.moonshot.ai/docs/api/chat, https://kimi-ai.chat/docs/api-error-codes",
        home="https://api.moonshot.ai",
        errors={
            "rate_limit": ChatError(
                "rate_limit_reached_error", None, "Your account reached its limit of requests per minute."
            ),
            "quota": ChatError("exceeded_current_quota_error", None, "You exceeded your current quota."),
            "overloaded": ChatError(
                "engine_overloaded_error", None, "The engine is currently overloaded, please try again later"
            ),
            "auth": ChatError("invalid_authentication_error", None, "Invalid Authentication"),
            "content_filter": ChatError(
                "content_filter", None, "The request was rejected because it was considered high risk"
            ),
            "context_length": ChatError(
                "invalid_request_error", None, "Invalid request: Your request exceeded model token limit: 8192"
            ),
            "not_found": ChatError(
                "resource_not_found_error", None, "Not found the model {model} or Permission denied"
            ),
        },
        statuses={"overloaded": 429},
        shape=shapes.brief,
    ),
    "dashscope": Vendor(
        source="https://help.aliyun.com/en/model-studio/error-code, https://help.aliyun.com/en/model-studio/rate-limit",
        home="https://dashscope-intl.aliyuncs.com",
        base="/compatible-mode/v1",
        errors={
            "rate_limit": ChatError("limit_requests", "limit_requests", "You exceeded your current requests list."),
            "quota": ChatError(
                "Arrearage", "Arrearage", "Access denied, please make sure your account is in good standing."
            ),
            "content_filter": ChatError(
                "data_inspection_failed", "data_inspection_failed", "Input data may contain inappropriate content."
            ),
        },
        statuses={"quota": 400},
        shape=shapes.with_request_id,
    ),
    "sambanova": Vendor(
        source="https://docs.sambanova.ai/docs/en/api-reference/using-the-api/api-error-codes, "
        "https://docs.sambanova.ai/docs/en/models/rate-limits",
        home="https://api.sambanova.ai",
        statuses={"overloaded": 504, "timeout": 408},
        shape=shapes.with_request_id,
        limits=shapes.limits_of_sambanova,
    ),
    "azure_ai": Vendor(
        source="https://github.com/microsoft/semantic-kernel/issues/10337, https://github.com/danny-avila/LibreChat/issues/4767",
        home=None,
        base="/models",
        request_id="apim-request-id",
        errors={
            "auth": ChatError(
                None,
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for "
                "an active subscription and use a correct regional API endpoint for your resource.",
            ),
        },
        shape=shapes.brief,
    ),
}
"""By LiteLLM's name."""
