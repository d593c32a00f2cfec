"""{% load darkroom %} {% darkroom photo.image alt="A beach" %}: a <picture> element."""

from typing import Any

from django import template
from django.core.cache import cache
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from darkroom_django.stack import DarkroomError, call, stack_url

register = template.Library()

_CACHE_SECONDS = 300
# A picture in progress is looked up again soon.
_RETRY_SECONDS = 5


@register.simple_tag
def darkroom(picture: Any, alt: str, sizes: str = "") -> SafeString:
    """Returns a <picture> for an ImageField of DarkroomStorage, or for the name of a stored file.

    While the picture is not rendered, or if the stack can't be reached, it is a plain <img>, which shows the
    picture as soon as there is one.
    """
    picture_id = str(getattr(picture, "name", picture)).partition("/")[0]
    embed = _embed(picture_id)
    if not embed:
        return format_html('<img src="{}/pictures/{}" alt="{}" loading="lazy">', stack_url(), picture_id, alt)
    sizes = sizes or embed["sizes"]
    sources = format_html_join(
        "",
        '<source type="{}" srcset="{}" sizes="{}">',
        ((source["type"], source["srcset"], sizes) for source in embed["sources"]),
    )
    return format_html(
        '<picture>{}<img src="{}" srcset="{}" sizes="{}" width="{}" height="{}"'
        ' style="max-width: 100%; height: auto; background: {}" loading="lazy" decoding="async"'
        ' alt="{}"></picture>',
        sources,
        *(embed[name] for name in ("src", "srcset")),
        sizes,
        *(embed[name] for name in ("width", "height", "background")),
        alt,
    )


def _embed(picture_id: str) -> dict[str, Any]:
    key = f"darkroom:{picture_id}"
    embed: dict[str, Any] | None = cache.get(key)
    if embed is None:
        try:
            embed = call(f"pictures/{picture_id}").get("embed") or {}
        except DarkroomError:
            embed = {}
        cache.set(key, embed, _CACHE_SECONDS if embed else _RETRY_SECONDS)
    return embed
