"""Drift of all features together: what no single column shows, such as a changed correlation. Pure; scikit-learn computes.

Two methods, each judged by a null of its own in which both samples are drawn anew from the reference: a `domain_classifier`, which
learns to tell the window's rows from the reference's, and `pca_reconstruction`, which asks how well the reference's directions of
variation still describe the rows.
"""

from __future__ import annotations

__all__ = ["METHODS", "MOST_ROWS", "Encoder", "Multivariate", "Reference", "compare", "sampled"]

from .comparing import METHODS, Multivariate, Reference, compare
from .encoding import MOST_ROWS, Encoder, sampled
