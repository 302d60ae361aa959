"""What operators ask of a running gateway and do to it: plain data in, plain data out, no socket, no terminal."""
