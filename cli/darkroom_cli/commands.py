"""Commands and groups of commands whose help names arguments as people write them, without Python's types."""

from collections.abc import Callable
from typing import Any, override

import typer
from typer import core
from typer.models import TyperPath

# Long enough for any first sentence: the formatter wraps it.
_WHOLE_SENTENCE = 1000


class _Command(core.TyperCommand):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for param in self.params:
            if isinstance(param.type, TyperPath):
                # The commands name files that can't be read, and go on with the others.
                param.type.readable = False

    @override
    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [str(self.options_metavar), *(_usage(argument) for argument in _arguments(self))]

    @override
    def format_options(self, ctx: Any, formatter: Any) -> None:
        if arguments := _arguments(self):
            with formatter.section("Arguments"):
                formatter.write_dl([(_name(argument), argument.help or "") for argument in arguments])
        options = (option.get_help_record(ctx) for option in self.get_params(ctx) if option not in arguments)
        with formatter.section("Options"):
            formatter.write_dl([*filter(None, options)])


class _Group(core.TyperGroup):
    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE_SENTENCE)) for name, one in commands])


def _arguments(command: core.TyperCommand) -> list[core.TyperArgument]:
    return [param for param in command.params if isinstance(param, core.TyperArgument)]


def _name(argument: core.TyperArgument) -> str:
    return argument.metavar or str(argument.name).upper()


def _usage(argument: core.TyperArgument) -> str:
    return _name(argument) if argument.required else f"[{_name(argument)}]"


class Commands(typer.Typer):
    """A group of commands. Without one of them it shows its help."""

    def __init__(self, help_text: str) -> None:
        super().__init__(
            cls=_Group,
            help=help_text,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
            # Rich would take as long to import as everything else together.
            rich_markup_mode=None,
        )

    @override
    def command[Function: Callable[..., Any]](
        self, name: str | None = None, **settings: Any
    ) -> Callable[[Function], Function]:
        return super().command(name, **{"cls": _Command} | settings)
