"""
What inferbus costs, always beside what the same machine does without it.

    make bench                                  every subject, short
    make bench-full                             the long form
    python -m benchmarks --list                 the subjects
    python -m benchmarks --only ingress --only journal
    python -m benchmarks.profiles ingress       where its time goes

How it is built: `subjects/` holds one module per question; each is handed a `Bench` (a real
Kafka, real service processes, options) and returns `Figure`s. A figure is what we did, what a
baseline did in the same run, and the ratio of the two, round by round: a shared machine changes
its speed from minute to minute, a ratio inside one round hardly does. `load/` is the load
generator, a process of its own; `servers/` are the baselines. `results/` keeps each subject's
latest figures, out of which `report/` writes the tables of `docs/performance.md`.
"""
