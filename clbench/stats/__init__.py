"""Statistics: tests, corrections, effect sizes, intervals, rankings. Pure numpy and scipy; it knows nothing of records.

paired        two strategies on the same seeds: exact Wilcoxon signed-rank
flips         the same by the mean: exact sign flips
blocks        more than two on the same blocks: the exact Friedman test, by permutation
unpaired      Mann-Whitney, Kruskal-Wallis, Dunn
several       Friedman with Iman-Davenport, Nemenyi, Conover, critical differences
corrections   Holm, Bonferroni, Benjamini-Hochberg
effects       Vargha-Delaney A, Cliff's delta, probability of improvement
intervals     Student, studentised and other bootstraps, interquartile means, the hierarchical bootstrap
equivalence   two one-sided tests, Bayesian signed-rank, both with a region of practical equivalence
ranks         ranks with ties
letters       who shares a letter: the compact letter display
power         the smallest p a design can reach, and the seeds it would take
design        which tests belong to a design, and why

Scores are oriented by the caller: more is better. A run that failed scores minus infinity and so ranks below every
finished one. What draws at random takes a `numpy.random.Generator`; nothing draws from the global one.
"""
