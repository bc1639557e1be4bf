"""An outage that hurts, and a chain that it hurts: one provider is silent, and the chain waits for it."""

PATIENT = """\
# Waits for ever.
name: patient
driver: reference
providers:
  openai: {dialect: openai, model: gpt-4}
  anthropic: {dialect: anthropic, model: claude-sonnet-4-5}
order: [openai, anthropic]
retry: {attempts: 1}
timeout: 60s   # too long
policy: {breaker: null, first_token: 60s, idle: 60s, deadline: 60s}
"""
STALL = """\
title: It stalled
lesson: silence is worse than an error
start: 2025-01-31T00:00:00Z
windows:
  - {on: [openai], at: 0s, for: 40s, inject: [{connection: silent}], share: 100%}
times: stated
precision: minute
account: provider
sources: [https://status.example]
"""
