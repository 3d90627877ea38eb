"""What the steps do and what runs it: the work, the worker, the chain from one step to the next."""
