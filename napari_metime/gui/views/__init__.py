"""The tables and plots of the lower dock."""
