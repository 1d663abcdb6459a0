"""How the seeds of merchants are made again from public lists."""
