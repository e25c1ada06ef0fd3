"""The commands `prefect …`: a thin front of the package for the terminal."""

from prefect.cli.front import main as main
