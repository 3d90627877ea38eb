"""One file for each step of the window."""
