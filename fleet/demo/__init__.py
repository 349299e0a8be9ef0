"""All of Fleet on one machine in a minute: a street archive, a detector, a job and its result.

Needs the extra `[demo]`. `plan` says what is made and where, `check` looks for obstacles first,
`run` goes through the steps, `sheet` and `query` are two of them, and `record` notes the result, so
that a second demo has nothing to do.
"""
