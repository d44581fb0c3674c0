"""Whole sentences in templates: such as were kept in English, and such as hold a part that is a template itself."""

from django import template
from django.template.base import NodeList, Parser, Token
from django.utils.safestring import SafeString

from providers import sentences

register = template.Library()


@register.filter
def translated(text: str) -> str:
    """Show what a service or a worker told in the reader's language, as far as it is known there."""
    return sentences.translated(str(text))


class _Capture(template.Node):
    def __init__(self, name: str, nodelist: NodeList) -> None:
        self._name = name
        self.nodelist = nodelist

    def render(self, context: template.Context) -> SafeString:
        """Keep what the block comes to, and show nothing."""
        context[self._name] = SafeString(self.nodelist.render(context).strip())
        return SafeString("")


@register.tag
def capture(parser: Parser, token: Token) -> template.Node:
    """Keep what stands in the block under a name, to be put into a sentence: `{% capture when %}…{% endcapture %}`."""
    name = token.split_contents()[1]
    nodelist = parser.parse(("endcapture",))
    parser.delete_first_token()
    return _Capture(name, nodelist)
