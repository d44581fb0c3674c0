"""Sentences that were kept in English."""

from django import template

from providers import sentences

register = template.Library()


@register.filter
def translated(text: str) -> str:
    """Show what a service or a worker told in the reader's language, as far as it is known there."""
    return sentences.translated(str(text))
