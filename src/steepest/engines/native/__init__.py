"""The native engine: programs compiled to machine code by LLVM."""
