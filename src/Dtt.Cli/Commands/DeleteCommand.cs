using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt delete RUN</c>: a run and everything in it.</summary>
internal static class DeleteCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask for confirmation." };
        var command = new Command("delete", "Delete a run: configuration, checkpoints, metrics, logs.") { run, yes };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            if (!result.GetValue(yes) && !Confirmed(view.Record.Run, view.Record.Checkpoints.Count)) return ExitCodes.Failure;
            await grain.DeleteAsync();
            Console.Error.WriteLine($"run '{view.Record.Run}' was deleted.");
            return ExitCodes.Success;
        });
        return command;
    }

    private static bool Confirmed(string run, int checkpoints)
    {
        if (Console.IsInputRedirected)
            throw new UserErrorException($"to delete run '{run}' with its {checkpoints} checkpoints, confirm with --yes.", ExitCodes.BadConfiguration);
        Console.Error.Write($"delete run '{run}' with its {checkpoints} checkpoints permanently? Type its name to confirm: ");
        return Console.In.ReadLine() == run;
    }
}
