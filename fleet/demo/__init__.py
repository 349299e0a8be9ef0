"""The whole of Fleet on one machine in a minute: a street archive, a detector, a job, its result.

Needs the extra `[demo]`. `plan` says what is made and where, `check` what may be in the way, `run`
goes through the steps, `sheet` and `query` are two of them, `record` lets a second run do nothing.
"""
