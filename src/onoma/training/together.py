"""Several trainings at the same time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rich.console import Console

from onoma.chatter import silence
from onoma.errors import OnomaError
from onoma.training.recipe import Recipe
from onoma.training.stages import train


def train_together(
    recipes: Sequence[Recipe], needs: Mapping[str, Sequence[str]], *, jobs: int, runs: Path, store: Path
) -> Iterator[str]:
    """Carry out recipes, as many at a time as there are jobs.

    A small model fills neither a GPU nor two cores, so several trainings side by side end sooner than one after the
    other. What each has to say goes to ``logs/NAME.log`` in ``runs``.

    Args:
        recipes: in the order in which they should begin.
        needs: by name of a recipe, those of the recipes that must be finished before.
        jobs: processes.
        runs: folder that holds runs.
        store: of finished stages; a stage that several need is trained once.

    Yields:
        Names of recipes as they are finished.

    Raises:
        OnomaError: as :func:`onoma.training.stages.train`, when those that had begun by then are done; or if a
            process is killed.
    """
    logs = runs / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    # A plain fork would carry the parent's threads, and its hold on a GPU, along.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "transformers"])
    waiting = {recipe.name: recipe for recipe in recipes}
    running: dict[Future[None], str] = {}
    done: set[str] = set()
    pool = ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_begin, initargs=(max(1, (os.cpu_count() or 1) // jobs),)
    )
    try:
        while waiting or running:
            for name in [name for name in waiting if done.issuperset(needs.get(name, ()))]:
                running[pool.submit(_carry_out, waiting.pop(name), runs, store, logs / f"{name}.log")] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                future.result()
                done.add(name)
                yield name
    except BrokenProcessPool as error:
        raise OnomaError(
            "a training's process was killed, perhaps for want of memory",
            where=str(logs),
            mend="Run the same command with fewer --jobs; it goes on where each run stood.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(threads: int) -> None:
    import torch

    silence()
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A study that is killed would leave its trainings running, and their locks would keep the next call away."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _carry_out(recipe: Recipe, runs: Path, store: Path, log: Path) -> None:
    with log.open("a", encoding="utf-8") as handle:
        train(recipe, runs=runs, store=store, console=Console(file=handle, width=160))
