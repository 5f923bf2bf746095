"""What is typed: the options of each command, their help and their defaults."""
