"""What comes into the window: files opened or dropped, and the questions that they ask."""
