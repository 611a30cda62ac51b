"""The command ``bench``: the experiment of the notes on this machine."""

from __future__ import annotations

import click

from steepest.cli import options
from steepest.cli.output import print_json


@options.command("""
    steepest bench --quick
    steepest bench --peer c-fast --epochs 1000000 --rounds 5
""")
@click.option("--epochs", type=int, help="Epochs per descent [default: 8,000,000; fewer for slow peers].")
@options.shown("--rounds", 3, "Rounds of timing; each round times every peer once.")
@click.option("--peer", "peers", multiple=True, metavar="NAME", help="Compare with this peer only; may be repeated.")
@click.option(
    "--quick", is_flag=True, help="A smoke test of a few seconds with 20,000 epochs; its times are not meaningful."
)
@options.as_json
def bench(epochs: int | None, rounds: int, peers: tuple[str, ...], quick: bool, as_json: bool) -> int:
    """Time gradient descent and finite differences on the NAND neuron, and compare with C, JAX and others.

    Takes up to a minute. The clock starts after a first call; compiling and that call have a column of their own.
    Slow peers run fewer epochs. They are named on standard error, as are peers that are left out because they are
    not installed or their final cost differs from that of plain Python.
    """
    from steepest.bench.experiment import measure
    from steepest.bench.report import notes, progress_shown, show

    with progress_shown() as on_progress:
        found = measure(epochs, rounds, peers, quick, on_progress)
    if as_json:
        print_json(found.document())
    else:
        show(found)
        for sentence in notes(found):
            options.tell(f"note: {sentence}")
    return 0
