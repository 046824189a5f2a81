"""What we know: the tables, their words, and the only door to them. Imports nothing of ours."""
