"""The live demos, one to a file; `csgld_book.widgets` names them all."""
