using System.CommandLine;
using Dtt.Cli.Output;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt plot RUN…</c>: the loss curves as a picture.</summary>
internal static class PlotCommand
{
    public static Command Create()
    {
        var runs = new Argument<string[]>("RUN") { Description = "One or more runs.", Arity = ArgumentArity.OneOrMore };
        runs.CompletionSources.Add(_ => RunArguments.Store().List().Select(r => new System.CommandLine.Completions.CompletionItem(r)));
        var output = new Option<string>("--output", "-o") { Description = "A .png or .svg file.", DefaultValueFactory = _ => "loss.png" };
        var command = new Command("plot", "Draw the loss curves of runs.") { runs, output };
        command.SetAction(result =>
        {
            var store = RunArguments.Store();
            var curves = result.GetValue(runs)!.Select(r => (RunArguments.Find(store, r).Run, store.ReadMetrics(r))).ToList();
            LossPlot.Save(curves, result.GetValue(output)!);
            Console.Out.WriteLine(result.GetValue(output));
        });
        return command;
    }
}
