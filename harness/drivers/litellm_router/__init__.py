"""Hosts LiteLLM's Router in a process of its own, behind an OpenAI-compatible endpoint."""
