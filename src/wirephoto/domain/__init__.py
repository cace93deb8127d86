"""What is true: pure functions and values, without I/O, clock, randomness or asyncio."""
