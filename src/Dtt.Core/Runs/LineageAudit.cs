namespace Dtt.Core.Runs;

/// <summary>
/// Checks from a run's records that the lineage of its newest committed checkpoint trained every step once: each attempt continued from a commit, and
/// no step is missing or repeated.
/// </summary>
public static class LineageAudit
{
    /// <summary>Audits the steps up to the newest commit: also that no step which counts was trained before what it leaves out was decided.</summary>
    /// <param name="record">The run.</param>
    /// <param name="stepsOf">The steps that an attempt reported, in order.</param>
    public static AuditResult Of(RunRecord record, Func<int, IReadOnlyList<long>> stepsOf)
    {
        var (problems, replays) = (new List<string>(), new List<string>());
        var committed = record.Latest?.Step ?? 0;
        var started = record.Attempts.Where(a => a.FromStep is not null).ToList();
        var trained = new Dictionary<long, int>();
        for (var i = 0; i < started.Count; i++)
        {
            var (attempt, from) = (started[i], started[i].FromStep!.Value);
            var until = Lineage.LastStepOf(started, i);
            var steps = stepsOf(attempt.Attempt);
            for (var s = 0; s < steps.Count; s++)
            {
                if (steps[s] != from + s + 1)
                {
                    problems.Add($"attempt {attempt.Attempt} continued from step {from}, but its row {s + 1} is step {steps[s]} instead of {from + s + 1}");
                    break;
                }
            }

            foreach (var step in steps.Where(s => s <= until && s <= committed))
            {
                if (!trained.TryAdd(step, attempt.Attempt))
                    problems.Add($"step {step} was trained by attempt {trained[step]} and again by attempt {attempt.Attempt}");
            }

            if (steps.Where(s => s > until).ToList() is { Count: > 0 } again)
            {
                var givenUp = record.LeftOut?.Any(l => l.Attempt == attempt.Attempt + 1) == true;
                var why = givenUp ? "were given up with windows that are left out" : "were not committed";
                replays.Add($"steps {again[0]}–{again[^1]} of attempt {attempt.Attempt} {why} and run again from step {until}");
            }
        }

        foreach (var leftOut in record.LeftOut ?? [])
        {
            var saw = trained.Where(t => t.Value < leftOut.Attempt && t.Key >= leftOut.FirstStep).ToList();
            if (saw.Count == 0) continue;
            problems.Add($"step {saw.Min(t => t.Key)} was trained by attempt {saw.MinBy(t => t.Key).Value}, and the windows of {leftOut.InWords} "
                + $"are left out since attempt {leftOut.Attempt}");
        }

        for (var step = started.Count > 0 ? started[0].FromStep!.Value + 1 : 1; step <= committed; step++) // an import begins where its training ended
        {
            if (!trained.ContainsKey(step)) problems.Add($"step {step} was never trained in the lineage of step {committed}");
        }

        return new AuditResult(committed, problems, replays);
    }
}

/// <summary>What an audit found.</summary>
/// <param name="CommittedStep">The newest committed step.</param>
/// <param name="Problems">Gaps and repeats; empty for a sound lineage.</param>
/// <param name="Replays">Work that was lost with a death and done again.</param>
public sealed record AuditResult(long CommittedStep, IReadOnlyList<string> Problems, IReadOnlyList<string> Replays);
