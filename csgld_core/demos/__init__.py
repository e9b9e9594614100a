"""The live demos, one to a file; `csgld_core.widgets` names them all."""
