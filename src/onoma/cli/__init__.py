"""The command line: each command is a thin skin over one function of the library."""
