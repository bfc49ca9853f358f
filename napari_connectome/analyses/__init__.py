"""One question a file: a frozen parameter class and the function that answers it."""
