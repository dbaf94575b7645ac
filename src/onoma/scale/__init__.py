"""Work in pieces, on the processes of one machine or on a Ray cluster, resumable and with the same result."""
