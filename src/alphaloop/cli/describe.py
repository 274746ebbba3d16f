"""Write ``docs/reference/cli.md`` from the command tree itself: ``python -m alphaloop.cli.describe``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import typer

from alphaloop.core.files import write_text

PAGE = Path("docs/reference/cli.md")
HEAD = """# Command line

Generated from the command tree by `make reference`.

Every command takes `--json`: one JSON object on standard output and nothing else there; progress and notes go to standard error. Exit
codes: 0 success, 1 a defect of ours, 2 bad input, 3 findings or a gate that refused.
"""


def page() -> str:
    """Return the whole reference page as Markdown."""
    from alphaloop.cli.app import app

    root = typer.main.get_command(app)
    return HEAD + "".join(_sections(root, "alphaloop"))


def _sections(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from _sections(command.commands[name], f"{path} {name}")
        return
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join([path, *(p.make_metavar(click.Context(command)) for p in arguments), "[OPTIONS]"])
    yield f"\n## `{path}`\n\n{_paragraphs(command.help or '')}\n\n```\n{usage}\n```\n"
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        yield "\n| option | meaning | default |\n| --- | --- | --- |\n"
        yield from (_row(option) for option in options)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    default = option.default
    shown = "" if default is None or default is False or callable(default) or default == () else f"`{default}`"
    return f"| {names} | {' '.join((option.help or '').split())} | {shown} |\n"


def main() -> None:
    """Write the page."""
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
