"""When, and in what order. The only folder that imports all others, reads the machine's clock, and knows Prefect."""
