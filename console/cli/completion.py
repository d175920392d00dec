"""Shell completion: scripts made from the parser itself, so that they know every command and option there is.

They complete commands, options and the words an option takes; where a file or a plan is wanted, the shell's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from console.cli.output import print_out
from console.state.conditions import CONDITIONS


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command."""

    name: str
    help: str
    words: tuple[str, ...] = ()
    """The words it takes; empty: anything, or nothing."""
    takes: bool = True
    """Whether a value follows it."""


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...] = ()
    """What can stand in place of its first argument, beside files."""


def completion_command(shell: str, parser: argparse.ArgumentParser) -> int:
    """`warroom completion SHELL`."""
    commands = list(commands_of(parser))
    print_out({"bash": bash, "zsh": zsh, "fish": fish}[shell](commands))
    return 0


def commands_of(parser: argparse.ArgumentParser) -> Iterator[Command]:
    """Every command that people call, in the order of the help."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    choices: dict[str, argparse.ArgumentParser] = actions[0].choices
    helps = {action.dest: action.help or "" for action in actions[0]._choices_actions}
    for name, made in choices.items():
        if " " in name:
            continue
        words = [other.split(" ", 1)[1] for other in choices if other.startswith(f"{name} ")]
        options, positional = [], words
        for action in made._actions:
            if isinstance(action, argparse._SubParsersAction):
                positional = [*positional, *action.choices]
            elif action.option_strings:
                options.append(_option(action))
            elif action.choices:
                positional = [*positional, *map(str, action.choices)]
        yield Command(name, helps.get(name) or made.description or "", tuple(options), tuple(positional))


def _option(action: argparse.Action) -> Option:
    words = tuple(map(str, action.choices)) if action.choices else ()
    if "--until" in action.option_strings:
        words = (*CONDITIONS, "stage:")
    return Option(action.option_strings[-1], action.help or "", words, takes=action.nargs != 0)


def bash(commands: list[Command]) -> str:
    """A completion function for bash."""
    names = " ".join(command.name for command in commands)
    lines = [
        "# warroom completion for bash: source this, or put it into ~/.local/share/bash-completion/completions/warroom",
        "_warroom() {",
        '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}"',
        '  local options="" words=""',
        "  COMPREPLY=()",
        '  if [ "$COMP_CWORD" -eq 1 ]; then',
        f'    COMPREPLY=($(compgen -W "{names} --help --version" -- "$word"))',
        "    return",
        "  fi",
        '  case "$command:$before" in',
    ]
    for command in commands:
        for option in command.options:
            if option.words:
                reply = f'COMPREPLY=($(compgen -W "{" ".join(option.words)}" -- "$word"))'
                lines.append(f"    {command.name}:{option.name}) {reply}; return;;")
    lines += ["  esac", '  case "$command" in']
    for command in commands:
        options = " ".join(option.name for option in command.options)
        words = f' words="{" ".join(command.words)}"' if command.words else ""
        lines.append(f'    {command.name}) options="{options}"{words};;')
    lines += [
        "  esac",
        '  case "$word" in',
        '    -*) COMPREPLY=($(compgen -W "$options" -- "$word"));;',
        '    *) COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"));;',
        "  esac",
        "}",
        "complete -o filenames -F _warroom warroom",
    ]
    return "\n".join(lines)


def zsh(commands: list[Command]) -> str:
    """A completion function for zsh."""
    lines = [
        "#compdef warroom",
        "# warroom completion for zsh: put it as _warroom into a directory of $fpath",
        "_warroom() {",
        "  local -a commands",
        "  commands=(",
        *(f"    {_quoted(f'{command.name}:{_plain(command.help)}')}" for command in commands),
        "  )",
        "  if (( CURRENT == 2 )); then",
        "    _describe command commands",
        "    return",
        "  fi",
        '  case "$words[2]" in',
    ]
    for command in commands:
        specs = [_zsh_option(option) for option in command.options]
        words = f'{{_alternative "words:word:({" ".join(command.words)})" "files:file:_files"}}'
        specs.append(f"'*:word or file:{words}'" if command.words else "'*:file:_files'")
        lines.append(f"    {command.name}) shift words; (( CURRENT-- )); _arguments {' '.join(specs)};;")
    return "\n".join([*lines, "  esac", "}", '_warroom "$@"'])


def _zsh_option(option: Option) -> str:
    words = " ".join(option.words).replace(":", r"\:")
    value = "" if not option.takes else f":value:({words})" if option.words else ":value:_files"
    told = _plain(option.help).replace("[", "(").replace("]", ")").replace(":", " -")
    return _quoted(f"{option.name}[{told}]{value}")


def fish(commands: list[Command]) -> str:
    """Completions for fish."""
    lines = ["# warroom completion for fish: put it into ~/.config/fish/completions/warroom.fish"]
    for command in commands:
        told = _quoted(_plain(command.help))
        lines.append(f"complete -c warroom -f -n __fish_use_subcommand -a {command.name} -d {told}")
        seen = f"-n '__fish_seen_subcommand_from {command.name}'"
        if command.words:
            lines.append(f"complete -c warroom {seen} -a '{' '.join(command.words)}'")
        for option in command.options:
            takes = f" -x -a '{' '.join(option.words)}'" if option.words else " -r" if option.takes else ""
            told = _quoted(_plain(option.help))
            lines.append(f"complete -c warroom {seen} -l {option.name.removeprefix('--')}{takes} -d {told}")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A help text on one line, with argparse's percent signs as they are read."""
    return " ".join(text.replace("%%", "%").split())


def _quoted(text: str) -> str:
    """In single quotes of a POSIX shell; fish reads it so too."""
    return "'" + text.replace("'", "'\\''") + "'"
