"""Write ``docs/reference/cli.md`` from the command tree itself: ``python -m alphaloop.cli.describe``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from alphaloop.core.files import write_text

PAGE = Path("docs/reference/cli.md")
HEAD = """# Command line

Generated from the command tree by `make reference`.

Every command takes `--json`: one JSON object on standard output and nothing else there; progress and notes go to
standard error. Exit codes: 0 success, 1 a defect of ours or something needed is away, 2 bad input, 3 findings or a
gate that refused.
"""


def page() -> str:
    """Return the whole reference page as Markdown."""
    from alphaloop.cli.app import app

    return HEAD + "".join(_sections(typer.main.get_command(app), "alphaloop"))


def _sections(command: Any, path: str) -> Iterator[str]:
    """Sections of a command or of all below it; told apart by what they have, since typer brings its own click."""
    for name, below in getattr(command, "commands", {}).items():
        yield from _sections(below, f"{path} {name}")
    if hasattr(command, "commands"):
        return
    arguments = [param.metavar or param.name.upper() for param in command.params if param.param_type_name == "argument"]
    usage = " ".join([path, *arguments, "[OPTIONS]"])
    yield f"\n## `{path}`\n\n{_paragraphs(command.help or '')}\n\n```\n{usage}\n```\n"
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    if options:
        yield "\n| option | meaning | default |\n| --- | --- | --- |\n"
        yield from (_row(option) for option in options)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    default = option.default
    shown = "" if default is None or default is False or callable(default) or default == () else f"`{default}`"
    return f"| {names} | {' '.join((option.help or '').split())} | {shown} |\n"


def main() -> None:
    """Write the page."""
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
