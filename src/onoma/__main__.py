"""`python -m onoma`, and so `accelerate launch -m onoma train …`."""

from onoma.cli.main import run

run()
