"""How `make docs` builds the documents."""

project = "pytest_zygote"
author = "the pytest_zygote authors"
extensions = ["myst_parser", "sphinxcontrib.mermaid"]
html_theme = "furo"
html_title = project
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
