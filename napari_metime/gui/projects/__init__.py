"""The window's side of a project: what is kept, autosave, undo, opening it again."""
