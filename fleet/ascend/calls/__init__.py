"""What AscendCL puts around the engines: callbacks, streams of tasks, the thread of a channel."""
