"""The name of the file that says that everything that was wanted is there, for who asks no more."""

SUCCESS_FILE = "_SUCCESS.json"
