"""How a chain is hosted: by LiteLLM or an SDK in children of ours, or as a gateway that is not ours."""
