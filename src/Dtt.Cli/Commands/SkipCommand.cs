using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt skip RUN STEP..STEP</c>: the windows of steps are left out of the run's data order.</summary>
internal static class SkipCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var steps = new Argument<string>("STEPS") { Description = "STEP or STEP..STEP, as the log counts them.", HelpName = "STEPS" };
        var command = new Command("skip", "Leave out the windows of steps: the run goes back to its last checkpoint before them, or comes to them without.")
        {
            run, steps,
        };
        command.SetAction(async (result, cancellation) =>
        {
            var which = StepRange.Parse(result.GetValue(steps)!);
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            var done = await grain.SkipAsync(which.First, which.Last);
            var active = await grain.FindAsync() is { Record: var record } && record.State.IsActive();
            Console.Error.WriteLine($"run '{view.Record.Run}': {done}.{(active ? "" : $" Go on with: dtt resume {view.Record.Run}")}");
        });
        return command;
    }
}
