using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt bench</c>: how fast a training step is on this machine, as ratios within one run.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var preset = new Option<string>("--preset") { Description = "The model.", DefaultValueFactory = _ => "gpt2-124m" };
        preset.AcceptOnlyFromAmong([.. ModelPresets.All.Keys.Where(k => k.StartsWith("gpt2", StringComparison.Ordinal))]);
        var batch = new Option<int>("--batch") { Description = "Sequences of a step.", DefaultValueFactory = _ => 4 };
        var context = new Option<int>("--context") { Description = "Tokens of a sequence.", DefaultValueFactory = _ => 256 };
        var pairs = new Option<int>("--pairs") { Description = "Interleaved pairs.", DefaultValueFactory = _ => 10 };
        var precision = new Option<string>("--precision") { Description = "bf16, fp32, or both with a comma.", DefaultValueFactory = _ => "bf16,fp32" };
        precision.AcceptOnlyFromAmong("bf16", "fp32", "bf16,fp32");
        var peer = new Option<string?>("--peer") { Description = "Another trainer: a program that does a step for every line it reads, such as \"python3 bench/pytorch_step.py\"." };
        var only = new Option<string>("--only") { Description = $"Parts, with commas: {string.Join(", ", BenchSpec.Parts)}.", DefaultValueFactory = _ => "", HelpName = "PARTS" };
        only.Validators.Add(r =>
        {
            foreach (var part in r.GetValue(only)!.Split(',', StringSplitOptions.RemoveEmptyEntries).Except(BenchSpec.Parts)) r.AddError($"--only knows no '{part}'.");
        });
        var json = new Option<bool>("--json") { Description = "Results as JSON." };
        foreach (var number in new[] { batch, context, pairs }) number.Validators.Add(r => { if (r.GetValue(number) < 1) r.AddError($"{number.Name} takes at least 1."); });
        var command = new Command("bench", "Measure training, saving, sampling and summing against what this machine can do and against other trainers; exit 1 below a floor.") { preset, batch, context, pairs, precision, peer, only, json };
        command.SetAction(async (result, cancellation) =>
        {
            var work = new BenchSpec
            {
                Preset = result.GetValue(preset)!,
                Batch = result.GetValue(batch),
                Context = result.GetValue(context),
                Pairs = result.GetValue(pairs),
                Precisions = result.GetValue(precision)!.Split(','),
                Only = result.GetValue(only)!.Split(',', StringSplitOptions.RemoveEmptyEntries),
                Peer = result.GetValue(peer),
                WorkingFolder = Environment.CurrentDirectory,
            };
            await using var client = await Platform.ConnectAsync(cancellation);
            var results = await Jobs.RunAsync(client, work, cancellation).OfType<BenchResult>().ToListAsync(cancellation);
            if (result.GetValue(json)) Console.Out.WriteLine(Json(results).ToJsonString());
            else foreach (var measured in results) Console.Out.WriteLine(Line(measured, work.Batch * work.Context));
            return results.All(r => r.Median >= r.Floor) ? ExitCodes.Success : ExitCodes.Failure;
        });
        return command;
    }

    private static string Line(BenchResult r, int tokens)
    {
        var rate = r.Name is "sampling" or "ring" ? "" : string.Create(CultureInfo.InvariantCulture, $", {tokens / r.StepSeconds:0} tok/s");
        var range = string.Create(CultureInfo.InvariantCulture, $"{r.Name,-24} {r.Median:0.000} ({r.Lowest:0.000} to {r.Highest:0.000}, {r.Pairs} pairs), floor {r.Floor:0.00}");
        var step = string.Create(CultureInfo.InvariantCulture, $"{r.StepSeconds * 1e3:0} ms");
        return $"{range}{(r.Median < r.Floor ? ", BELOW" : "")}; {step}{rate}{(r.Peer is { } peer ? $"; against {peer}" : "")}";
    }

    private static JsonArray Json(IEnumerable<BenchResult> results) => new([.. results.Select(r => (JsonNode)new JsonObject
    {
        ["name"] = r.Name,
        ["median"] = r.Median,
        ["lowest"] = r.Lowest,
        ["highest"] = r.Highest,
        ["floor"] = r.Floor,
        ["pairs"] = r.Pairs,
        ["step_seconds"] = r.StepSeconds,
        ["threads"] = r.Threads,
        ["peer"] = r.Peer,
    })]);
}
