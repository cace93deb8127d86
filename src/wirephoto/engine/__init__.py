"""What happens: accepting, sending and following messages, one bounded turn at a time."""
