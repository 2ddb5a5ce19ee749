"""Without the optional package there is a clear word about it."""

from importlib.util import find_spec

import pytest

from errors import EmbedderUnavailable
from intelligence.reranker import FastembedReranker


@pytest.mark.skipif(find_spec("fastembed") is not None, reason="fastembed is installed")
def test_says_which_package_is_missing_and_for_what() -> None:
    with pytest.raises(
        EmbedderUnavailable, match="PALIMPSEST_RERANKER needs the package fastembed"
    ):
        FastembedReranker("a-model")
