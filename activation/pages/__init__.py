"""Pages of dbt docs made of the project's own facts: indicators, audiences, destinations.

They stand in git as doc blocks, as dbt reads no others, and a check holds them to what they are
made of. Nothing is compiled for them: a model whose description shows a page cannot be parsed
before the page is there.
"""
