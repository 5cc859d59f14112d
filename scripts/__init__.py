"""What the maintainers run by hand: the demonstration, the benchmark, and the projects that both are run on.

Run them from the top folder of the repository as modules: `python -m scripts.demo`, `python -m scripts.benchmark`.
"""
