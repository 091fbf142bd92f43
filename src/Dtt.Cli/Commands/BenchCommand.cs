using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Diagnostics;

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
        var only = new Option<string>("--only") { Description = $"Parts, with commas: {string.Join(", ", BenchParts.All)}.", DefaultValueFactory = _ => "", HelpName = "PARTS" };
        only.Validators.Add(r =>
        {
            foreach (var part in r.GetValue(only)!.Split(',', StringSplitOptions.RemoveEmptyEntries).Except(BenchParts.All)) r.AddError($"--only knows no '{part}'.");
        });
        var json = new Option<bool>("--json") { Description = "Results as JSON." };
        foreach (var number in new[] { batch, context, pairs }) number.Validators.Add(r => { if (r.GetValue(number) < 1) r.AddError($"{number.Name} takes at least 1."); });
        var command = new Command("bench", "Measure training, saving, sampling and summing against what this machine can do and against other trainers; exit 1 below a floor.") { preset, batch, context, pairs, precision, peer, only, json };
        command.SetAction((result, cancellation) => RankProgram.RunAsync(
        [
            "--bench", result.GetValue(preset)!, $"{result.GetValue(batch)}", $"{result.GetValue(context)}", $"{result.GetValue(pairs)}", result.GetValue(precision)!, result.GetValue(only)!, result.GetValue(json) ? "json" : "text",
            .. result.GetValue(peer) is { } other ? new[] { other } : [],
        ], cancellation));
        return command;
    }
}
