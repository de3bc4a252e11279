"""A performance and its listeners: blocks to a sound card, a file, a pipe, a socket."""
