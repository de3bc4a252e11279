"""What a user can do, one function per file: no printing, no argument parsing."""
