from hypothesis import settings

# The same examples on every machine and in every run; compiling is slow the first time.
settings.register_profile("unit", deadline=None, derandomize=True, database=None)
settings.load_profile("unit")
