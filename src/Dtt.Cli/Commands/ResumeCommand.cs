using System.CommandLine;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Runs;
using Dtt.Cli.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt resume RUN</c>: the next attempt of a run.</summary>
internal static class ResumeCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run to go on with, from its last checkpoint.");
        var command = new Command("resume", "Go on with a run that was stopped, interrupted or failed.") { run };
        command.SetAction(async (result, _) =>
        {
            var store = RunArguments.Store();
            var record = RunArguments.Find(store, result.GetValue(run)!);
            if (record.State == RunState.Completed)
            {
                Console.Error.WriteLine($"run '{record.Run}' is complete: all {record.TotalSteps:N0} steps are done.");
                return ExitCodes.Success;
            }

            return await new TrainSession(store, record.Run).RunAsync();
        });
        return command;
    }
}
