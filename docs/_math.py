"""Formulas as MathML, which browsers draw without a script or a font from the network."""

from docutils.utils.math import latex2mathml


def _mathml(text, inline):
    return latex2mathml.tex2mathml(text, as_block=not inline)


def visit_inline(self, node):
    """Write a formula within a line."""
    self.body.append(_mathml(node.astext(), True))
    raise _skip()


def visit_block(self, node):
    """Write a formula on its own line."""
    self.body.append(f'<div class="math">{_mathml(node.astext(), False)}</div>')
    raise _skip()


def _skip():
    from docutils.nodes import SkipNode

    return SkipNode()


def setup(app):
    """Register the renderer, as ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
