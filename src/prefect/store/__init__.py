"""The history of flow runs: what happened, written down by the process that ran it, and found again by anyone."""
