"""Systems that model small images."""
