"""Where a notebook's kernel runs: what the notebook declares, whether it is trusted, the environment it becomes."""
