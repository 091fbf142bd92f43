using System.CommandLine;
using Dtt.Cli.Output;
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
        var preset = new Option<string>("--preset") { Description = "The model's preset.", DefaultValueFactory = _ => "gpt2-124m" };
        preset.AcceptOnlyFromAmong([.. ModelPresets.All.Keys.Where(k => k.StartsWith("gpt2", StringComparison.Ordinal))]);
        var batch = NumberOption.Create("Sequences per step.", 4, "--batch");
        var context = NumberOption.Create("Tokens per sequence.", 256, "--context");
        var pairs = NumberOption.Create("How many interleaved pairs of measurements.", 10, "--pairs");
        var precision = new Option<string>("--precision") { Description = "bf16, fp32, or both: bf16,fp32.", DefaultValueFactory = _ => "bf16,fp32" };
        precision.AcceptOnlyFromAmong("bf16", "fp32", "bf16,fp32");
        var peer = new Option<string?>("--peer")
        {
            Description = "Another trainer to compare with: a program that does a step for every line it reads, such as \"python3 bench/pytorch_step.py\".",
        };
        var only = new Option<string>("--only")
        {
            Description = $"Only these parts, separated by commas: {string.Join(", ", BenchSpec.Parts)}.",
            DefaultValueFactory = _ => "",
            HelpName = "PARTS",
        };
        only.Validators.Add(r =>
        {
            foreach (var part in Parts(r.GetValue(only)).Except(BenchSpec.Parts)) r.AddError($"--only: there is no part '{part}'.");
        });
        var json = JsonOutput.Option();
        foreach (var (number, most) in new[] { (batch, 1 << 12), (context, 1 << 16), (pairs, 1 << 12) })
        {
            number.Validators.Add(r =>
            {
                if (r.GetValue(number) is var value && (value < 1 || value > most)) r.AddError($"{number.Name} takes 1 to {most:N0}.");
            });
        }

        const string description = "Compare training, saving, sampling and all-reduce with this machine's peak and with other trainers; exit 1 below a floor.";
        var command = new Command("bench", description) { preset, batch, context, pairs, precision, peer, only, json };
        command.SetAction(async (result, cancellation) =>
        {
            var work = new BenchSpec
            {
                Preset = result.GetValue(preset)!,
                Batch = result.GetValue(batch),
                Context = result.GetValue(context),
                Pairs = result.GetValue(pairs),
                Precisions = result.GetValue(precision)!.Split(','),
                Only = Parts(result.GetValue(only)),
                Peer = result.GetValue(peer),
                WorkingFolder = Environment.CurrentDirectory,
            };
            await using var client = await Platform.ConnectAsync(cancellation);
            var results = await Jobs.RunAsync(client, work, cancellation).OfType<BenchResult>().ToListAsync(cancellation);
            if (result.GetValue(json)) JsonOutput.Print([.. results.Select(BenchOutput.Of)], JsonOutput.Records.BenchOutputArray);
            else foreach (var measured in results) Console.Out.WriteLine(Line(measured, work.Batch * work.Context));
            return results.All(r => r.Median >= r.Floor) ? ExitCodes.Success : ExitCodes.Failure;
        });
        return command;
    }

    private static string[] Parts(string? list) => (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries);

    private static string Line(BenchResult r, int tokens)
    {
        var rate = r.Name is "sampling" or "ring" || r.Name.StartsWith("document_mask", StringComparison.Ordinal) ? "" : $", {tokens / r.StepSeconds:0} tok/s";
        var range = $"{r.Name,-24} {r.Median:0.000} ({r.Lowest:0.000} to {r.Highest:0.000}, {r.Pairs} pairs), floor {r.Floor:0.00}";
        var step = $"{r.StepSeconds * 1e3:0} ms";
        return $"{range}{(r.Median < r.Floor ? ", BELOW" : "")}; {step}{rate}{(r.Peer is { } peer ? $"; against {peer}" : "")}";
    }
}
