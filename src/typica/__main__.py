"""The command line, as `python -m typica`."""

from typica.cli import main

main()
