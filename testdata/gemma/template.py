"""Conversations as the reference implementation renders them by a chat template of the form that Gemma folders bear.

    pip install transformers==5.23.0 jinja2==3.1.6
    python testdata/gemma/template.py

Writes template.json beside itself: the template below, conversations, and the text of each without the beginning token.
"""

import json
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

# Alternation, a role of another name, a prefix to the first turn, trimmed text, parts of a turn, and blocks on lines of their own.
TEMPLATE = """{{ bos_token }}
{%- set opening = '' -%}
{%- set turns = messages -%}
{%- if messages[0]['role'] == 'system' -%}
    {%- set opening = messages[0]['content'] + '\n\n' -%}
    {%- set turns = messages[1:] -%}
{%- endif -%}
{% for turn in turns %}
    {%- if (turn['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('the turns do not alternate') }}
    {%- endif -%}
    {% if turn['role'] == 'assistant' %}
        {%- set speaker = 'model' -%}
    {% else %}
        {%- set speaker = turn['role'] -%}
    {% endif %}
    {{- '<start_of_turn>' + speaker + '\n' + (opening if loop.first else '') -}}
    {%- if turn['content'] is string -%}
        {{ turn['content'] | trim }}
    {%- elif turn['content'] is iterable -%}
        {%- for part in turn['content'] -%}{{ part['text'] | trim }}{%- endfor -%}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\n' }}
{%- endif -%}
"""

CASES = [
    ["Hi"],
    ["  Who are\nyou? \n", " A satellite. ", "Where?"],
    ["<start_of_turn> {{ 1 + 1 }} é", "{% raw %}", "~"],
]


def main():
    cases = []
    for texts in CASES:
        roles = ["user" if index % 2 == 0 else "assistant" for index in range(len(texts))]
        turns = [{"role": role, "content": text} for role, text in zip(roles, texts)]
        rendered, _ = render_jinja_template([turns], chat_template=TEMPLATE, add_generation_prompt=True, bos_token="")
        cases.append({"turns": texts, "text": rendered[0]})
    content = {"template": TEMPLATE, "cases": cases}
    path = Path(__file__).with_name("template.json")
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
