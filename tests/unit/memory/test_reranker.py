"""Without the optional package there is a clear word about it."""

from importlib.util import find_spec

import pytest

from palimpsest.memory.reranker import FastembedReranker
from palimpsest.runtime.errors import EmbedderUnavailable


@pytest.mark.skipif(find_spec("fastembed") is not None, reason="fastembed is installed")
def test_says_which_package_is_missing_and_for_what() -> None:
    with pytest.raises(
        EmbedderUnavailable, match="PALIMPSEST_RERANKER needs the package fastembed"
    ):
        FastembedReranker("a-model")
