"""A real Postgres for LiteLLM's proxy, and the stand-in for Prisma's engine, built once and cached."""
