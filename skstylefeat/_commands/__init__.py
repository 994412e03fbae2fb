"""Command line of the package, one module per command.

Every command's module has two functions: ``make_parser()`` returns its `argparse.ArgumentParser`,
and ``run(arguments)`` runs the command and returns the exit status. Both import what they need
when they are called, so that ``--help`` does not wait for torch.
"""
