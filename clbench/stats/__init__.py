"""Statistics: tests, corrections, effect sizes, intervals, rankings.

Pure numpy and scipy; it knows nothing of records.

From tables of scores to verdicts, each question by the tests of its design:

questions     within scenarios, over these scenarios, over scenarios like these
by_design     which tests belong to a design
evidence      what they look at: blocks, and differences of pairs
declared      when one looks, as a suite declares it before anything has run
looks         adding seeds until it is decided, by looks that were declared beforehand
always_valid  p that stays true however often one looks, for records to which seeds are added
ranking       ranks as intervals
selection     the best of many: how much of it is luck; choosing on seeds that are not reported
repeats       the same seeds run again

Tests:

paired        two strategies on the same seeds: signed ranks, Student's t
flips         the same by the mean: exact sign flips
blocks        more than two on the same blocks: the exact Friedman test, by permutation
joint         all pairs of a family by the same sign flips; over partitions where they are few
several       Friedman with Iman and Davenport's F, Nemenyi, critical differences
unpaired      Mann-Whitney, Kruskal-Wallis, Dunn
equivalence   two one-sided tests, Bayesian signed ranks, with a region of practical equivalence

What goes with them:

families      what a p pays for its family: Shaffer, Tarone, a baseline, scenarios
corrections   Holm, Bonferroni, Benjamini-Hochberg
effects       Vargha and Delaney's A
intervals     Student, bootstraps, interquartile means, the hierarchical bootstrap
proportions   seeds won, and images recognised, with Wilson's interval
ranks         ranks with ties
letters       who shares a letter: the compact letter display
power         the smallest p a design can reach, and what it can find
design        which tests belonged to a design before `by_design`

Scores are oriented by the caller: more is better. A run that failed scores minus infinity and so
ranks below every finished one. What draws at random takes a `numpy.random.Generator`, or one with a
seed of its own where a record is to have one p; nothing draws from the global one.
"""
