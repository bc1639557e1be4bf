"""A chain without a gateway: the official `openai` SDK with its own retries, and the next client as the fallback."""
