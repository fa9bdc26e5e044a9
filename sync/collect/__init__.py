"""Reading from GitHub: what is still to be read, and the one request that reads on."""
