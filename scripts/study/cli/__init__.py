"""The `study` command: questions about a study, answered in the terminal.

Each command is a module of this package with its name, described by its docstring. It offers
`options(parser)`, which adds its arguments, and `answer(arguments)`, which does the work. Only the
command that was asked for is imported.
"""
