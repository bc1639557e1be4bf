"""Start LiteLLM's proxy on a configuration, and replace the file as soon as the proxy is ready, before any caller comes.

`python edited.py --port=PORT --before=ADDRESS --after=ADDRESS`: the model's address, before and after the edit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

EVERY_S = 0.1


def configuration(address: str) -> str:
    """Return a configuration of one model; JSON is YAML."""
    params = {"model": "openai/gpt-4", "api_base": address, "api_key": "sk-mock"}
    key = {"master_key": "os.environ/LITELLM_MASTER_KEY"}
    return json.dumps({"model_list": [{"model_name": "gpt-4", "litellm_params": params}], "general_settings": key})


def wait(url: str, proxy: subprocess.Popen[bytes]) -> None:
    """Return once the proxy answers, or has ended."""
    while proxy.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - an address of our own
                return
        except OSError:
            time.sleep(EVERY_S)


def main() -> int:
    """Run the proxy to its end."""
    parser = argparse.ArgumentParser()
    for name in ("--port", "--before", "--after"):
        parser.add_argument(name, required=True)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        path, edited = Path(folder, "config.yaml"), Path(folder, "edited.yaml")
        path.write_text(configuration(given.before), encoding="utf-8")
        edited.write_text(configuration(given.after), encoding="utf-8")
        environ = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        command = ["litellm", f"--config={path}", "--host=127.0.0.1", f"--port={given.port}", "--telemetry=False"]
        proxy = subprocess.Popen(command, env=environ)
        wait(f"http://127.0.0.1:{given.port}/health/liveliness", proxy)
        edited.replace(path)  # as editors and orchestrators do
        print("edited", path, flush=True)
        return proxy.wait()


if __name__ == "__main__":
    sys.exit(main())
