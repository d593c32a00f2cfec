"""A Django site: `store.py URL save FILE` stores a picture and prints its name, `page NAME` prints a page."""

import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.files import File
from django.template import Context, engines

settings.configure(
    DARKROOM_URL=sys.argv.pop(1),
    INSTALLED_APPS=["darkroom_django"],
    STORAGES={"default": {"BACKEND": "darkroom_django.storage.DarkroomStorage"}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
)
django.setup()

from django.core.files.storage import default_storage  # needs the settings

PAGE = '<!doctype html><title>Beach</title>{% load darkroom %}{% darkroom picture alt="A <beach>" %}'

match sys.argv[1:]:
    case ["save", file]:
        with Path(file).open("rb") as content:
            print(default_storage.save(Path(file).name, File(content)))
    case ["page", name]:
        print(engines["django"].from_string(PAGE).template.render(Context({"picture": name})))
    case ["size", name]:
        print(default_storage.size(name))
    case ["delete", name]:
        default_storage.delete(name)
