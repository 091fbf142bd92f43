using System.CommandLine;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt plot RUN…</c>: the loss curves as a picture.</summary>
internal static class PlotCommand
{
    public static Command Create()
    {
        var runs = new Argument<string[]>("RUN") { Description = "One or more runs.", Arity = ArgumentArity.OneOrMore };
        runs.CompletionSources.Add(RunArguments.Names);
        var output = new Option<string>("--output", "-o") { Description = "A .png or .svg file.", DefaultValueFactory = _ => "loss.png" };
        var command = new Command("plot", "Plot the loss curves of one or more runs.") { runs, output };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var curves = new List<(string, IReadOnlyList<StepMetrics>)>();
            foreach (var name in result.GetValue(runs)!)
            {
                var (grain, view) = await RunLookup.FindAsync(client, name);
                curves.Add((view.Record.Run, await RunLookup.CurveAsync(grain)));
            }

            LossPlot.Save(curves, result.GetValue(output)!);
            Console.Out.WriteLine(result.GetValue(output));
        });
        return command;
    }
}
