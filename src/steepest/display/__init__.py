"""Display of results on terminals, in notebooks and as drawings, one medium a module."""
