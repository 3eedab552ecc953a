from __future__ import annotations

import pytest
import torch
from scipy import stats

from clbench.randomness import key
from clbench.stack import restore, save
from clbench.stack.noise import (
    Noise,
    _halves,
    _halves_by_shifts,
    member_uniform,
    normal_values,
    uniform_bits,
)

MEMBERS = [(seed, seed % 3) for seed in range(30)]
DRAWS = {
    "uniform": lambda noise: noise.uniform(7, 13),
    "normal": lambda noise: noise.normal(5, 19),
    "fast normal": lambda noise: noise.fast_normal(5, 19),
    "fast normal of one": lambda noise: noise.fast_normal(),
    "normal of one": lambda noise: noise.normal(),
    "integers": lambda noise: noise.integers(1000, 11),
    "permutation": lambda noise: noise.permutation(37),
    "bernoulli": lambda noise: noise.bernoulli(0.3, 9, 3),
}


def stream(members: list[tuple[int, int]], name: str = "a") -> Noise:
    return Noise([key(seed, agent, name) for seed, agent in members])


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("members", [1, 2, 3, 10, 30])
def test_a_member_draws_the_same_bits_in_every_stack_and_place(draw, members) -> None:
    together = stream(MEMBERS[:members][::-1])
    alone = [stream([member]) for member in MEMBERS[:members][::-1]]
    for _ in range(3):
        drawn = draw(together)
        assert torch.equal(drawn, torch.cat([draw(noise) for noise in alone]))


@pytest.mark.parametrize("shape", [(1,), (64,), (7, 3), (128, 33)])
def test_one_member_under_vmap_draws_what_the_stack_draws(shape) -> None:
    noise = stream(MEMBERS)
    mapped = torch.func.vmap(lambda key, counter: member_uniform(key, counter, shape))(
        noise.key, noise.counter
    )
    assert torch.equal(mapped, noise.uniform(*shape))


def test_both_ways_to_halve_a_word_agree() -> None:
    """Older versions of torch know only the slower one under `vmap`."""
    words = uniform_bits(stream(MEMBERS).key, torch.arange(len(MEMBERS)), 50)
    assert torch.equal(_halves(words).long(), _halves_by_shifts(words))


def test_shapes_types_and_ranges() -> None:
    noise = stream(MEMBERS)
    assert noise.uniform().shape == (30,)
    assert (
        noise.uniform(4, 5).shape
        == noise.normal(4, 5).shape
        == noise.integers(9, 4, 5).shape
        == (30, 4, 5)
    )
    drawn = noise.uniform(50_000)
    assert drawn.dtype == noise.normal(3).dtype == torch.float32
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    assert noise.integers(9, 2).dtype == noise.permutation(4).dtype == torch.int64


def test_words_are_those_of_splitmix64() -> None:
    # The first outputs of the reference implementation for the seed 1234567.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    golden = 0x9E3779B97F4A7C15
    start = (1234567 + golden) % 2**64
    # A stream starts at mix(key[0] + count * golden) ^ key[1]; with a zero first key and count, the
    # second key is the start.
    words = uniform_bits(
        torch.tensor([0, start - 2**64 if start >= 2**63 else start]), torch.tensor(0), 3
    )
    assert [word % 2**64 for word in words.tolist()] == expected


def test_uniforms_are_uniform() -> None:
    drawn = stream(MEMBERS).uniform(2000).flatten().double().numpy()
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3
    counts = torch.histc(torch.as_tensor(drawn), 64, 0, 1).numpy()
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_low_bits_of_both_halves_are_fair() -> None:
    halves = (stream(MEMBERS).uniform(2000) * 2**24).long().view(-1, 2)
    for half in halves.unbind(1):
        for bit in range(24):
            ones = int((half >> bit & 1).sum())
            assert stats.binomtest(ones, len(half)).pvalue > 1e-5


@pytest.mark.parametrize("kind", ["normal", "fast_normal"])
def test_normals_are_normal(kind: str) -> None:
    drawn = getattr(stream(MEMBERS), kind)(2001)
    assert stats.kstest(drawn.flatten().double().numpy(), "norm").pvalue > 1e-3
    assert (
        abs(
            torch.corrcoef(
                torch.stack([drawn[:, 0::2].flatten()[:30000], drawn[:, 1::2].flatten()[:30000]])
            )[0, 1]
        )
        < 0.02
    )


def test_fast_normals_have_the_moments_of_normals() -> None:
    values = normal_values(torch.device("cpu")).double()
    assert torch.equal(values, -values.flip(0))
    assert float(values.square().mean()) == pytest.approx(1.0, abs=1e-6)
    assert float(values.pow(4).mean()) == pytest.approx(3.0, abs=5e-3)


def test_neighbours_of_one_word_are_independent() -> None:
    """Four numbers come from one word of 64 bits."""
    drawn = stream(MEMBERS).fast_normal(4000, 4).reshape(-1, 4)
    apart = torch.corrcoef(drawn.T) - torch.eye(4)
    assert apart.abs().max() < 5.0 / len(drawn) ** 0.5


def test_members_names_and_draws_are_independent() -> None:
    first, second = stream(MEMBERS), stream(MEMBERS, "b")
    rows = torch.cat([first.uniform(4000), first.uniform(4000), second.uniform(4000)])
    apart = torch.corrcoef(rows) - torch.eye(len(rows))
    assert apart.abs().max() < 5.5 / 4000**0.5


def test_integers_are_unbiased() -> None:
    drawn = stream(MEMBERS).integers(11, 3000)
    assert stats.chisquare(torch.bincount(drawn.flatten(), minlength=11).numpy()).pvalue > 1e-3
    assert stream(MEMBERS).integers(2**62, 100).double().mean() == pytest.approx(2**61, rel=0.05)


def test_integers_take_a_range_a_member() -> None:
    high = torch.arange(30)
    drawn = stream(MEMBERS).integers(high, 500)
    assert torch.equal(drawn.amax(1), (high - 1).clamp(min=0))
    by_place = stream(MEMBERS).integers(high[:, None] + torch.arange(500), 500)
    assert bool((by_place < (high[:, None] + torch.arange(500)).clamp(min=1)).all())


def test_permutations_are_permutations_and_uniform() -> None:
    noise = stream(MEMBERS)
    assert torch.equal(noise.permutation(100).sort(dim=1).values, torch.arange(100).expand(30, -1))
    codes = torch.cat(
        [(noise.permutation(4) * torch.tensor([64, 16, 4, 1])).sum(1) for _ in range(100)]
    )
    _, counts = codes.unique(return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_bernoulli_takes_a_probability_a_member() -> None:
    share = stream(MEMBERS).bernoulli(torch.linspace(0, 1, 30), 4000).float().mean(1)
    assert torch.allclose(share, torch.linspace(0, 1, 30), atol=0.04)


def test_a_stream_goes_on_where_its_state_was_saved() -> None:
    noise = stream(MEMBERS)
    noise.uniform(3)
    state = save(noise)
    expected = noise.normal(5)
    other = stream(MEMBERS)
    restore(other, state)
    assert torch.equal(other.normal(5), expected)


def test_torchs_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    noise = stream(MEMBERS)
    for draw in DRAWS.values():
        draw(noise)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("shape", "of"), [((7, 5), 1), ((7, 4), 2), ((6, 3, 3), 1), ((5,), 0)])
def test_numbers_for_a_few_are_those_that_all_would_have(shape, of) -> None:
    some, all_ = stream(MEMBERS), stream(MEMBERS)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        where = torch.rand(len(MEMBERS), *shape[:of], generator=generator) < 0.3
        beside = where.view(*where.shape, *(1,) * (1 + len(shape) - where.dim()))
        drawn = some.uniform(*shape, where=where)
        assert torch.equal(drawn, torch.where(beside, all_.uniform(*shape), 0.0))
    turned = where.transpose(0, -1).contiguous().transpose(0, -1)  # as masks often lie
    assert torch.equal(
        stream(MEMBERS).uniform(*shape, where=turned), stream(MEMBERS).uniform(*shape, where=where)
    )
    assert not some.uniform(*shape, where=torch.zeros_like(where)).any()
    all_.uniform(*shape)
    assert torch.equal(some.uniform(3), all_.uniform(3))
