"""Questions with any number of choices, and a chat template with the traits of Llama 3.2's."""

import pytest

from ggufeval.types import ChatTemplate, Question

LLAMA = """\
{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = strftime_now("%d %b %Y") %}
{%- endif %}
{#- A comment. #}
{%- if messages[0]['role'] == 'system' %}
    {{- raise_exception("No system message, please!") }}
{%- endif %}
{{- "<|head|>system<|end|>\\n\\nToday: " + date_string }}
{%- if tools is not none %}
    {{- tools | tojson(indent=4) }}
{%- endif %}
{{- "<|eot|>" }}
{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {%- continue %}
    {%- endif %}
    {{- '<|head|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim + '<|eot|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|head|>assistant<|end|>\\n\\n' }}
{%- endif %}
"""


@pytest.fixture(scope="session")
def llama():
    return ChatTemplate(LLAMA, "<|begin|>", "<|eot|>")


SYSTEM = """\
{{- bos_token }}
{%- for message in messages %}
    {{- '<|' + message.role + '|>' + message.content | trim + '<|eot|>' }}
{%- endfor %}
{{- '<|assistant|>' }}"""


@pytest.fixture(scope="session")
def with_system():
    """A chat template that has system turns."""
    return ChatTemplate(SYSTEM, "<|begin|>", "<|eot|>")


@pytest.fixture
def question():
    return Question(
        "q/1", "high_school_physics", " What falls?\n", ("A stone", " air ", "c", ""), 0
    )


@pytest.fixture
def shots():
    return (
        Question("d/1", "high_school_physics", "One?", ("a", "b", "c", "d"), 1),
        Question("d/2", "high_school_physics", "\tTwo? ", ("e", "f", "g", "h"), 3),
    )


@pytest.fixture
def with_choices():
    """A question with n choices."""

    def make(n):
        return Question("q/n", "law", "Which?", tuple(f"c{i}" for i in range(n)), n - 1)

    return make
