"""Shell completion scripts for commands, options and their words, made from the parser, so that none is missing."""

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
    """The words it takes; empty: any word, or none."""
    takes: bool = True
    """Whether a value follows it."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its options."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...] = ()
    """Words that its first argument may be, besides files."""


def completion_command(shell: str, parser: argparse.ArgumentParser) -> int:
    """Run `warroom completion SHELL`: print the script of "bash", "zsh" or "fish"."""
    commands = list(commands_of(parser))
    print_out({"bash": bash_script, "zsh": zsh_script, "fish": fish_script}[shell](commands))
    return 0


def commands_of(parser: argparse.ArgumentParser) -> Iterator[Command]:
    """Every command of the parser, in the order of the help."""
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


def bash_script(commands: list[Command]) -> str:
    """Completion script for bash."""
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


def zsh_script(commands: list[Command]) -> str:
    """Completion script for zsh."""
    lines = [
        "#compdef warroom",
        "# warroom completion for zsh: put it as _warroom into a directory of $fpath",
        "_warroom() {",
        "  local -a commands",
        "  commands=(",
        *(f"    {_single_quoted(f'{command.name}:{_one_line_help(command.help)}')}" for command in commands),
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
    text = _one_line_help(option.help).replace("[", "(").replace("]", ")").replace(":", " -")
    return _single_quoted(f"{option.name}[{text}]{value}")


def fish_script(commands: list[Command]) -> str:
    """Completion script for fish."""
    lines = ["# warroom completion for fish: put it into ~/.config/fish/completions/warroom.fish"]
    for command in commands:
        text = _single_quoted(_one_line_help(command.help))
        lines.append(f"complete -c warroom -f -n __fish_use_subcommand -a {command.name} -d {text}")
        within = f"-n '__fish_seen_subcommand_from {command.name}'"
        if command.words:
            lines.append(f"complete -c warroom {within} -a '{' '.join(command.words)}'")
        for option in command.options:
            takes = f" -x -a '{' '.join(option.words)}'" if option.words else " -r" if option.takes else ""
            text = _single_quoted(_one_line_help(option.help))
            lines.append(f"complete -c warroom {within} -l {option.name.removeprefix('--')}{takes} -d {text}")
    return "\n".join(lines)


def _one_line_help(text: str) -> str:
    """A help text on one line, with argparse's %% as %."""
    return " ".join(text.replace("%%", "%").split())


def _single_quoted(text: str) -> str:
    """`text` in single quotes of a POSIX shell; fish reads them alike."""
    return "'" + text.replace("'", "'\\''") + "'"
