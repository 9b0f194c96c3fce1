"""Many rows through dense layers, another way: the same answers."""

import pytest
import torch
from torch import nn

from workers.runtimes import onednn
from workers.runtimes.onednn import MANY_ROWS, on_the_cpu
from workers.runtimes.torch import WordLstm, alphabet_mlp


@pytest.mark.parametrize("rows", [1, MANY_ROWS - 1, MANY_ROWS, MANY_ROWS + 1, 5_000])
def test_answers_are_the_same(rows: int):
    torch.manual_seed(7)
    module = alphabet_mlp(36).eval()
    call = on_the_cpu(module)
    with torch.inference_mode():
        given = torch.randn(rows, 63)
        assert torch.allclose(call([given]), module(given), atol=1e-5)


def test_few_rows_are_asked_the_usual_way():
    module = alphabet_mlp(36).eval()
    with torch.inference_mode():
        given = torch.randn(64, 63)
        assert torch.equal(on_the_cpu(module)([given]), module(given))


@pytest.mark.parametrize(
    "module",
    [nn.Sequential(nn.Linear(63, 8), nn.Tanh()), nn.Sequential(nn.Linear(63, 8, bias=False)), WordLstm(4)],
)
def test_other_networks_run_as_they_are(module: nn.Module):
    call = on_the_cpu(module.eval())
    with torch.inference_mode():
        if isinstance(module, WordLstm):
            frames, lengths = torch.randn(300, 5, 258), torch.full((300,), 5)
            assert torch.equal(call([frames, lengths]), module(frames, lengths))
        else:
            given = torch.randn(300, 63)
            assert torch.allclose(call([given]), module(given), atol=1e-6)


def test_other_answers_are_not_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onednn._Chain, "__call__", lambda _self, rows: torch.zeros(len(rows), 36))
    module = alphabet_mlp(36).eval()
    call = on_the_cpu(module)
    with torch.inference_mode():
        given = torch.randn(300, 63)
        assert torch.equal(call([given]), module(given))
