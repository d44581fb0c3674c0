"""The frame of every page of a simulator: plain HTML, no scripts, and clear about not being the real service."""

from collections.abc import Mapping
from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title} | Simulator of {service}</title>
<style>
body {{ margin: 0; background: #f4f4f1; color: #1b1b1b; font: 1rem/1.5 system-ui, sans-serif; }}
header {{ padding: .5rem 1rem; background: {colour}; color: #fff; text-align: center; }}
header p {{ margin: 0; }}
main {{ max-width: 32rem; margin: 1.5rem auto; padding: 1.5rem; box-sizing: border-box; background: #fff; }}
h1 {{ margin-top: 0; font-size: 1.4rem; overflow-wrap: anywhere; }}
fieldset {{ margin: 1.5rem 0; border: 1px solid #767676; border-radius: .25rem; }}
label {{ display: block; padding: .4rem 0; }}
button {{ margin: 0 .5rem .5rem 0; padding: .6rem 1.4rem; border: 2px solid {colour}; border-radius: .25rem;
  background: #fff; color: {colour}; font: inherit; font-weight: 600; cursor: pointer; }}
button:first-of-type {{ background: {colour}; color: #fff; }}
:focus-visible {{ outline: 3px solid #0b5cad; outline-offset: 2px; }}
</style>
</head>
<body>
<header><p><strong>Simulator of {service}</strong>: nothing here reaches the real service</p></header>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def page(service: str, title: str, content: str, *, colour: str) -> str:
    """A whole page. ``content`` is HTML, the other texts are not; ``colour`` must be dark enough to bear white text."""
    return _PAGE.format(service=escape(service), title=escape(title), content=content, colour=colour)


def choice_of_person(legend: str, names: Mapping[str, str]) -> str:
    """The form fields that ask whose account it is: radio buttons called ``person``, from value to what is shown."""
    choices = "\n".join(
        f'<label><input type="radio" name="person" value="{escape(value)}" required{"" if position else " checked"}>'
        f" {escape(name)}</label>"
        for position, (value, name) in enumerate(names.items())
    )
    return f"<fieldset>\n<legend>{escape(legend)}</legend>\n{choices}\n</fieldset>"
