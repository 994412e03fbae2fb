"""Random codes of a generator."""


def sample_w(generator, n_samples, random_state, *, class_label=None, truncation_psi=1.0):
    """Draw codes in W.

    Parameters
    ----------
    generator : Generator
        The generator.
    n_samples : int
        Number of codes.
    random_state : RandomState
        Random number generator.
    class_label : int, default=None
        Class of all codes of a conditional generator; None draws classes uniformly.
    truncation_psi : float, default=1.0
        Truncation, see `Generator.mapping`.

    Returns
    -------
    w : ndarray of shape (n_samples, w_dim), float32
    """
    z = generator.sample_z(n_samples, random_state)
    if generator.c_dim and class_label is None:
        class_label = random_state.randint(generator.c_dim, size=n_samples)
    return generator.mapping(z, c=class_label, truncation_psi=truncation_psi)
