"""Which settings of a LiteLLM configuration are carried over, and which would call out or change nothing that is tested."""

from __future__ import annotations

import re

LOGINS = frozenset(
    [
        "tenant_id",
        "client_id",
        "client_secret",
        "azure_ad_token",
        "azure_username",
        "azure_password",
        "azure_scope",
        "litellm_credential_name",
        "aws_role_name",
        "aws_session_name",
        "aws_web_identity_token",
        "aws_sts_endpoint",
        "aws_external_id",
        "aws_profile_name",
        "vertex_credentials",
        "vertex_ai_credentials",
    ]
)
"""Fields of a deployment, each of which makes LiteLLM call a login service before the provider, or read credentials of a profile."""
ROUTER = frozenset(
    [
        "num_retries",
        "max_fallbacks",
        "timeout",
        "stream_timeout",
        "default_litellm_params",
        "default_priority",
        "default_max_parallel_requests",
        "default_fallbacks",
        "fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
        "model_group_alias",
        "enable_pre_call_checks",
        "enable_tag_filtering",
        "tag_filtering_match_any",
        "retry_after",
        "retry_policy",
        "model_group_retry_policy",
        "allowed_fails",
        "allowed_fails_policy",
        "cooldown_time",
        "disable_cooldowns",
        "routing_strategy",
        "routing_strategy_args",
        "routing_groups",
        "enable_weighted_failover",
        "optional_pre_call_checks",
        "polling_interval",
        "client_ttl",
        "deployment_affinity_ttl_seconds",
        "model_group_affinity_config",
    ]
)
"""`router_settings` that reach the Router, but for those that lead to a database, a cache or a listener outside."""
MODULE = frozenset(
    [
        "num_retries",
        "max_fallbacks",
        "fallbacks",
        "default_fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
        "request_timeout",
        "allowed_fails",
        "drop_params",
        "modify_params",
        "num_retries_per_request",
        "add_function_to_prompt",
        "disable_aiohttp_transport",
    ]
)
"""`litellm_settings` that steer the Router alone."""
GENERAL = frozenset(
    [
        "completion_model",
        "max_parallel_requests",
        "global_max_parallel_requests",
        "max_in_flight_requests_per_worker",
        "max_queued_requests_per_worker",
        "admission_queue_timeout_seconds",
        "cancel_on_disconnect",
        "forward_client_headers_to_llm_api",
        "expose_fallback_errors_to_caller",
        "disable_retry_on_max_parallel_request_limit_error",
        "include_call_id_in_error_body",
        "enforce_fallback_model_access",
        "allow_requests_on_db_unavailable",
        "proxy_batch_write_at",
        "user_api_key_cache_ttl",
    ]
)
"""`general_settings` that steer what the proxy does with a request; the others log in, bill, store or report."""
DEPLOYMENT = frozenset(
    [
        "model",
        "model_name",
        "custom_llm_provider",
        "mode",
        "id",
        "base_model",
        "api_base",
        "base_url",
        "api_version",
        "region_name",
        "aws_region_name",
        "vertex_location",
        "order",
        "weight",
        "rpm",
        "tpm",
        "max_tokens",
        "max_completion_tokens",
        "max_retries",
        "max_parallel_requests",
        "max_budget",
        "budget_duration",
        "temperature",
        "top_p",
        "seed",
        "n",
        "stream",
        "reasoning_effort",
        "tags",
        "input_cost_per_token",
        "output_cost_per_token",
        "max_input_tokens",
        "max_output_tokens",
    ]
)
"""Fields of a deployment, its `litellm_params` and its `model_info`, whose values hold no secret."""
SECTIONS = frozenset(("model_list", "router_settings", "litellm_settings", "environment_variables"))
"""Sections that are read."""

_OUTSIDE = re.compile(
    r"callback|cache|redis|database|guardrail|alert|audit|webhook|email|(^|_)logs?(_|$)|verbose|telemetry|otel|prometheus"
    r"|datadog|langfuse|argilla|sqs|secret|vault|key_management|^(s3|aws|gcs|mcp|global)_|_callback_params$"
    r"|^(responses|post_call_rules|custom_provider_map)$"
)


def is_module(name: str, *, proxy: bool) -> bool:
    """Return whether one of `litellm_settings` is carried over.

    Args:
        name: Its name.
        proxy: LiteLLM's proxy is hosted, which takes all that the module has; else the Router alone.
    """
    return name in MODULE or (proxy and _OUTSIDE.search(name) is None)
