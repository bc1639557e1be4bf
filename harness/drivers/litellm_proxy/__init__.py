"""LiteLLM's own proxy in processes of ours: the program that people run, with its transport watched."""
