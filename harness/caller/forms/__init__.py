"""The forms in which callers ask: OpenAI's chat completions, embeddings and responses, and Anthropic's messages."""

from collections.abc import Mapping

from harness.caller.answer import AnswerForm
from harness.caller.forms import chat, embeddings, messages, responses
from harness.provider.kinds import Api

FORMS: Mapping[Api, AnswerForm] = {
    "chat": chat.FORM,
    "embeddings": embeddings.FORM,
    "responses": responses.FORM,
    "messages": messages.FORM,
}
