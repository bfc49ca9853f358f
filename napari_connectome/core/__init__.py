"""Arrays in, arrays out: the numbers, without files and without a window."""
