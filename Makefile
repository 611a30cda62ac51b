.PHONY: setup check format lint types contracts test quick slow docs bench

bin = .venv/bin

setup:
	python3 -m venv .venv
	$(bin)/pip install -e '.[dev,docs]'

check: lint types contracts test

format:
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

lint:
	$(bin)/ruff format --check .
	$(bin)/ruff check .

types:
	$(bin)/mypy

contracts:
	$(bin)/lint-imports

test:
	$(bin)/pytest -n auto --dist worksteal

quick:
	$(bin)/pytest -m quick -n auto --dist worksteal

slow:
	$(bin)/pytest -m slow -n auto --dist worksteal

docs:
	$(bin)/python docs/generate.py
	$(bin)/python -m sphinx -W -T --keep-going -E -j auto docs build/docs

bench:
	$(bin)/pip install -e '.[bench]'
	for script in start_up growth epoch accuracy native native_growth networks products streaming estimators graphs drawing proofreading; do $(bin)/python benchmarks/$$script.py || exit 1; done
