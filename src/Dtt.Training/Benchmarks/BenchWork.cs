using System.Globalization;
using System.Text.Json.Nodes;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Platform;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>A training step in interleaved pairs with what it is measured against, as ratios within one run.</summary>
internal sealed class BenchWork(BenchOrder order)
{
    private const int WarmUp = 3;
    private readonly List<BenchResult> _results = [];

    /// <summary>Measures and prints; the exit code is 1 when a median is below its floor.</summary>
    public int Run()
    {
        foreach (var bf16 in order.Precisions.Select(p => p == "bf16")) Steps(bf16);
        if (order.Has("sampling"))
        {
            using var bench = new SampleBench(order.Model);
            _results.Add(Pairs("sampling", 1 / 1.3, bench.SecondsOfAToken, bench.SecondsOfReading));
        }

        if (order.Has("ring"))
        {
            using var bench = new RingBench(new ModelArithmetic(order.Model).Parameters);
            _results.Add(Pairs("ring", 1 / 1.5, bench.Seconds, bench.SecondsOfLoopback));
        }

        Print();
        return _results.All(r => r.Median >= r.Floor) ? ExitCodes.Success : ExitCodes.Failure;
    }

    private void Steps(bool bf16)
    {
        if (order.Has("gemm_share"))
        {
            using var bench = new TrainingBench(order.Model, order.Batch, order.Context, bf16);
            using var gemms = new ModelGemms(order.Model, (long)order.Batch * order.Context, bf16 ? ScalarType.BFloat16 : ScalarType.Float32);
            _results.Add(Pairs($"gemm_share_{Name(bf16)}", bf16 ? 0.80 : 0.85, bench.Seconds, gemms.Seconds));
        }

        if (order.Has("eager_torchsharp")) Against([ProgramPaths.Dotnet(), ProgramPaths.Rank(), "--eager"], $"eager_torchsharp_{Name(bf16)}", 1.5, bf16);
        if (order.Has("step_after_save"))
        {
            using var bench = new TrainingBench(order.Model, order.Batch, order.Context, bf16);
            using var saving = new SaveBench(bench, order.Model, Environment.CurrentDirectory);
            _results.Add(Pairs($"step_after_save_{Name(bf16)}", 1 / 1.2, saving.StepAfterSave, saving.StepAlone));
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"stall for a copy of the state: {MedianOf([.. saving.Stalls.Order()]) * 1e3:0} ms ({saving.Stalls.Min() * 1e3:0} to {saving.Stalls.Max() * 1e3:0})"));
        }

        if (order.Peer is { } command && order.Has("peer")) Against(command.Split(' ', StringSplitOptions.RemoveEmptyEntries), $"peer_{Name(bf16)}", bf16 ? 1.8 : 1.2, bf16);
    }

    private void Against(IReadOnlyList<string> command, string name, double floor, bool bf16)
    {
        using var bench = new TrainingBench(order.Model, order.Batch, order.Context, bf16);
        using var peer = new BenchPeer(command, order.Arguments(bf16));
        _results.Add(Pairs(name, floor, bench.Seconds, peer.Seconds) with { Peer = peer.Name });
    }

    private static string Name(bool bf16) => bf16 ? "bf16" : "fp32";

    /// <summary>Seconds of the other side ÷ seconds of a step, pair by pair.</summary>
    private BenchResult Pairs(string name, double floor, Func<double> step, Func<double> other)
    {
        for (var i = 0; i < WarmUp; i++) (_, _) = (step(), other());
        var pairs = new List<(double Step, double Other)>();
        for (var i = 0; i < order.Pairs; i++)
        {
            // Whoever goes first finds another cache: they take turns.
            var (first, second) = i % 2 == 0 ? (step, other) : (other, step);
            var (a, b) = (first(), second());
            pairs.Add(i % 2 == 0 ? (a, b) : (b, a));
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: step {pairs[^1].Step * 1e3:0} ms, other {pairs[^1].Other * 1e3:0} ms, ratio {pairs[^1].Other / pairs[^1].Step:0.000}"));
        }

        var ratios = pairs.Select(p => p.Other / p.Step).Order().ToArray();
        return new BenchResult(name, floor, MedianOf(ratios), ratios[0], ratios[^1], MedianOf([.. pairs.Select(p => p.Step).Order()]), order.Pairs);
    }

    private static double MedianOf(double[] sorted) => (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;

    private void Print()
    {
        var tokens = order.Batch * order.Context;
        if (!order.Json)
        {
            foreach (var r in _results)
            {
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{r.Name,-24} {r.Median:0.000} ({r.Lowest:0.000} to {r.Highest:0.000}, {r.Pairs} pairs), floor {r.Floor:0.00}{(r.Median < r.Floor ? ", BELOW" : "")}; {r.StepSeconds * 1e3:0} ms{(r.Name is "sampling" or "ring" ? "" : $", {tokens / r.StepSeconds:0} tok/s")}{(r.Peer is { } p ? $"; against {p}" : "")}"));
            }

            return;
        }

        var list = new JsonArray([.. _results.Select(r => (JsonNode)new JsonObject
        {
            ["name"] = r.Name,
            ["median"] = r.Median,
            ["lowest"] = r.Lowest,
            ["highest"] = r.Highest,
            ["floor"] = r.Floor,
            ["pairs"] = r.Pairs,
            ["step_seconds"] = r.StepSeconds,
            ["threads"] = TorchRuntime.Threads,
            ["peer"] = r.Peer,
        })]);
        Console.Out.WriteLine(list.ToJsonString());
    }

    private sealed record BenchResult(string Name, double Floor, double Median, double Lowest, double Highest, double StepSeconds, int Pairs, string? Peer = null);
}
