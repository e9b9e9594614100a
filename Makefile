# Every target is a task of tasks.py; `make help` says what each does.
# Another interpreter: make test PYTHON=python3.12
PYTHON ?= python3

ifeq ($(shell command -v "$(firstword $(PYTHON))" 2>/dev/null),)
$(error "$(PYTHON)" was not found: name a Python 3.11 or newer, such as make PYTHON=python3.12)
endif

TASKS := help reproduce test check lab bench map notebooks lint lock clean

.PHONY: $(TASKS)
$(TASKS): # variables such as ONLY="05 mean_error" arrive in the environment
	@$(PYTHON) tasks.py $@
