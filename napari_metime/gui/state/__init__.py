"""What the window knows of a section, without Qt: settings, results, which step is done or stale, undo."""
