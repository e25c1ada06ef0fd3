"""One module for each command, which has it as `command`; it is imported when the command is used."""
