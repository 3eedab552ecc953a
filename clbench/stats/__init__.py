"""Statistics: tests, corrections, effect sizes, intervals, rankings. Pure numpy and scipy; it knows nothing of records.

paired        two strategies on the same seeds: exact Wilcoxon signed-rank
flips         the same by the mean: exact sign flips
blocks        more than two on the same blocks: the exact Friedman test, by permutation
families      what a p pays for its family: Shaffer, Tarone, comparisons with a baseline, scenarios
closed        all pairs of few strategies: closed partitions, by permutation
by_design     which of these belong to a design
evidence      what they look at: tables of scores, by seed and by scenario
findings      three questions, from tables to verdicts
unpaired      Mann-Whitney, Kruskal-Wallis, Dunn
several       Friedman with Iman-Davenport, Nemenyi, Conover, critical differences
always_valid  p that stays true however often one looks, for records to which seeds are added
looks         adding seeds until it is decided, by looks that were declared beforehand
corrections   Holm, Bonferroni, Benjamini-Hochberg
effects       Vargha-Delaney A, Cliff's delta, probability of improvement
intervals     Student, studentised and other bootstraps, interquartile means, the hierarchical bootstrap
equivalence   two one-sided tests, Bayesian signed-rank, both with a region of practical equivalence
ranks         ranks with ties
ranking       ranks as intervals
proportions   seeds won, and images recognised, with Wilson's interval
letters       who shares a letter: the compact letter display
power         the smallest p a design can reach, and the seeds it would take
design        which tests belong to a design, and why

Scores are oriented by the caller: more is better. A run that failed scores minus infinity and so ranks below every
finished one. What draws at random takes a `numpy.random.Generator`; nothing draws from the global one.
"""
