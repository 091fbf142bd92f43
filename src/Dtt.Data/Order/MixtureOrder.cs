using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;

namespace Dtt.Data.Order;

/// <summary>
/// Which dataset each position of a run draws from, and which position of that dataset's own order it is: positions of one dataset come one after the other,
/// so each dataset is seen as <see cref="WindowOrder"/> has it. A pure function of the plan, without a table.
/// </summary>
public sealed class MixtureOrder
{
    private readonly MixturePlan _plan;
    private readonly List<(long Start, long[] Before, StageOrder Order)> _stages = [];

    /// <summary>The order of a plan.</summary>
    public MixtureOrder(MixturePlan plan)
    {
        _plan = plan;
        var (start, before) = (0L, new long[plan.Datasets.Count]);
        foreach (var stage in plan.Stages)
        {
            var order = new StageOrder(stage.Shares, stage.Windows);
            _stages.Add((start, [.. before], order));
            if (order.Windows is not { } windows) break;
            order.Count(windows, before);
            start += windows;
        }
    }

    /// <summary>The dataset that a position draws from, and the position in that dataset's order.</summary>
    public (int Dataset, long Position) At(long position)
    {
        if (_plan.Datasets.Count == 1) return (0, position);
        Span<long> before = stackalloc long[_plan.Datasets.Count], after = stackalloc long[_plan.Datasets.Count];
        Count(position, before);
        Count(position + 1, after);
        var dataset = 0;
        while (after[dataset] == before[dataset]) dataset++;
        return (dataset, before[dataset]);
    }

    /// <summary>Windows of each dataset among the first positions.</summary>
    public long[] Drawn(long positions)
    {
        var counts = new long[_plan.Datasets.Count];
        Count(positions, counts);
        return counts;
    }

    /// <summary>The part of each dataset in the whole mixture, 0 to 1: by weights where it does not end, else by windows.</summary>
    public IReadOnlyList<double> Shares
    {
        get
        {
            var parts = _plan.Stages is [{ Windows: null } only] ? only.Shares : Drawn(_plan.Stages.Sum(s => s.Windows!.Value));
            var sum = parts.Sum(p => (double)p);
            return [.. parts.Select(p => p / sum)];
        }
    }

    /// <summary>The plan of a configuration's mixture over datasets of so many windows.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="windows">Training windows of each dataset, in the order of their first mention.</param>
    /// <exception cref="BadDataException">A dataset has none.</exception>
    public static MixturePlan PlanOf(RunConfig config, IReadOnlyList<long> windows)
    {
        var stages = config.Mixture ?? [new MixtureStage(null, [new DatasetShare(config.Dataset, Weight: 1)])];
        var names = config.DatasetNames.ToList();
        if (config.Mixture is not null && windows.Contains(0))
        {
            throw new BadDataException($"the training text of dataset '{names[windows.ToList().IndexOf(0)]}' is too small: no token shard holds the "
                + $"{config.Model.ContextLength + 1:N0} tokens that one window of n_ctx {config.Model.ContextLength:N0} needs. Add text, lower n_ctx, or leave "
                + "the dataset out.");
        }

        return new MixturePlan { Datasets = [.. names.Zip(windows, (name, n) => new PlannedDataset(name, n))], Stages = [.. stages.Select(Stage)] };

        PlannedStage Stage(MixtureStage stage)
        {
            var shares = new long[names.Count];
            foreach (var d in stage.Datasets)
            {
                var i = names.IndexOf(d.Name);
                shares[i] = d switch
                {
                    { Weight: { } weight } => (long)Math.Round((decimal)weight * 1_000_000),
                    { Tokens: { } tokens } => Windows(tokens),
                    _ => Math.Max(1, (long)Math.Round(d.Epochs!.Value * windows[i])),
                };
            }

            if (!stage.IsByWeight) return new PlannedStage(shares, shares.Sum());
            var common = shares.Aggregate(Common);
            return new PlannedStage([.. shares.Select(s => s / common)], stage.Tokens is { } length ? Windows(length) : null);
        }

        long Windows(long tokens) => (tokens + config.Model.ContextLength - 1) / config.Model.ContextLength;
    }

    private static long Common(long a, long b) => b == 0 ? a : Common(b, a % b);

    private void Count(long positions, Span<long> counts)
    {
        var (start, before, order) = _stages.FindLast(s => s.Start < positions || s.Start == 0);
        before.CopyTo(counts);
        var left = positions - start;
        if (order.Windows is { } windows && left > windows)
        {
            // What a run leaves out it makes up for behind its end: the last stage begins again.
            var (again, whole) = ((left - 1) / windows, new long[counts.Length]);
            order.Count(windows, whole);
            for (var i = 0; i < whole.Length; i++) counts[i] += again * whole[i];
            left -= again * windows;
        }

        order.Count(left, counts);
    }
}
