"""A fuzzer of the command line: files, names and options that nobody expects, each answered by one sentence."""
