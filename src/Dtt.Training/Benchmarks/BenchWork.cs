using System.Globalization;
using Dtt.Core.Models;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>A training step in interleaved pairs with what it is measured against, as ratios within one run.</summary>
internal sealed class BenchWork(BenchPlan plan, IRankChannel channel)
{
    private const int WarmUp = 3;

    /// <summary>Measures, and tells the host each result as it is there.</summary>
    public void Run()
    {
        Environment.CurrentDirectory = plan.Spec.WorkingFolder;
        TorchRuntime.Load();
        foreach (var bf16 in plan.Spec.Precisions.Select(p => p == "bf16")) Steps(bf16);
        if (plan.Has("sampling"))
        {
            using var bench = new SampleBench(plan.Model);
            channel.Send(Pairs("sampling", 1 / 1.3, bench.SecondsOfAToken, bench.SecondsOfReading));
        }

        if (plan.Has("ring"))
        {
            using var bench = new RingBench(new ModelArithmetic(plan.Model).Parameters);
            channel.Send(Pairs("ring", 1 / 1.5, bench.Seconds, bench.SecondsOfLoopback));
        }
    }

    private void Steps(bool bf16)
    {
        if (plan.Has("gemm_share"))
        {
            using var bench = new TrainingBench(plan.Model, plan.Spec.Batch, plan.Spec.Context, bf16);
            using var gemms = new ModelGemms(plan.Model, (long)plan.Spec.Batch * plan.Spec.Context, bf16 ? ScalarType.BFloat16 : ScalarType.Float32);
            channel.Send(Pairs($"gemm_share_{Name(bf16)}", bf16 ? 0.80 : 0.85, bench.Seconds, gemms.Seconds));
        }

        if (plan.Has("eager_torchsharp")) Against([ProgramPaths.Dotnet(), ProgramPaths.Rank(), "--eager"], $"eager_torchsharp_{Name(bf16)}", 1.5, bf16);
        if (plan.Has("step_after_save"))
        {
            using var bench = new TrainingBench(plan.Model, plan.Spec.Batch, plan.Spec.Context, bf16);
            using var saving = new SaveBench(bench, plan.Model, Environment.CurrentDirectory);
            channel.Send(Pairs($"step_after_save_{Name(bf16)}", 1 / 1.2, saving.StepAfterSave, saving.StepAlone));
            double[] stalls = [.. saving.Stalls.Order().Select(seconds => seconds * 1e3)];
            Tell(string.Create(CultureInfo.InvariantCulture,
                $"stall for a copy of the state: {MedianOf(stalls):0} ms ({stalls[0]:0} to {stalls[^1]:0})"));
        }

        if (plan.Has("document_mask"))
        {
            using var bench = new AttentionBench(plan.Model, plan.Spec.Batch, plan.Spec.Context, bf16);
            channel.Send(Pairs($"document_mask_{Name(bf16)}", 0.7, bench.SecondsWithin, bench.SecondsOverAll));
        }

        if (plan.Spec.Peer is { } command && plan.Has("peer"))
            Against(command.Split(' ', StringSplitOptions.RemoveEmptyEntries), $"peer_{Name(bf16)}", bf16 ? 1.8 : 1.2, bf16);
    }

    private void Against(IReadOnlyList<string> command, string name, double floor, bool bf16)
    {
        using var bench = new TrainingBench(plan.Model, plan.Spec.Batch, plan.Spec.Context, bf16);
        using var peer = new BenchPeer(command, plan.Arguments(bf16));
        channel.Send(Pairs(name, floor, bench.Seconds, peer.Seconds) with { Peer = peer.Name });
    }

    private void Tell(string line) => channel.Send(new JobProgress(line));

    private static string Name(bool bf16) => bf16 ? "bf16" : "fp32";

    /// <summary>Seconds of the other side ÷ seconds of a step, pair by pair.</summary>
    private BenchResult Pairs(string name, double floor, Func<double> step, Func<double> other)
    {
        for (var i = 0; i < WarmUp; i++) (_, _) = (step(), other());
        var pairs = new List<(double Step, double Other)>();
        for (var i = 0; i < plan.Spec.Pairs; i++)
        {
            // The first of a pair finds another cache than the second: the order alternates.
            var (first, second) = i % 2 == 0 ? (step, other) : (other, step);
            var (a, b) = (first(), second());
            pairs.Add(i % 2 == 0 ? (a, b) : (b, a));
            var (stepSeconds, otherSeconds) = pairs[^1];
            Tell(string.Create(CultureInfo.InvariantCulture,
                $"{name}: step {stepSeconds * 1e3:0} ms, other {otherSeconds * 1e3:0} ms, ratio {otherSeconds / stepSeconds:0.000}"));
        }

        var ratios = pairs.Select(p => p.Other / p.Step).Order().ToArray();
        return new BenchResult
        {
            Name = name,
            Median = MedianOf(ratios),
            Lowest = ratios[0],
            Highest = ratios[^1],
            Floor = floor,
            Pairs = plan.Spec.Pairs,
            StepSeconds = MedianOf([.. pairs.Select(p => p.Step).Order()]),
            Threads = TorchRuntime.Threads,
        };
    }

    private static double MedianOf(double[] sorted) => (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}
