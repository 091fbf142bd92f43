using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt stop RUN</c>: what Ctrl+C does in the run's own terminal.</summary>
internal static class StopCommand
{
    private const int MaxConnections = 5;

    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var command = new Command("stop", "Stop a run; it saves a checkpoint first.") { run };
        command.SetAction(async (result, cancellation) =>
        {
            for (var tries = 1; ; tries++)
            {
                await using var client = await Platform.ConnectAsync(cancellation);
                try
                {
                    return await StopAsync(client, result.GetValue(run)!);
                }
                catch (OperationCanceledException) when (client.Lost.IsCancellationRequested && tries < MaxConnections)
                {
                    Console.Error.WriteLine("the connection to the silo was lost; connecting again …");
                }
            }
        });
        return command;
    }

    private static async Task<int> StopAsync(PlatformClient client, string run)
    {
        var (grain, view) = await RunLookup.FindAsync(client, run);
        if (!view.Record.State.IsActive())
        {
            Console.Error.WriteLine($"run '{view.Record.Run}' is not running: it is {RunsCommand.Word(view.Row)}.");
            return ExitCodes.Success;
        }

        await grain.StopAsync();
        await foreach (var news in grain.WatchAsync(0).Until(client.Lost))
        {
            if (!news.State.IsActive()) break;
        }

        view = (await RunLookup.FindAsync(client, view.Row.Folder)).View;
        Console.Error.WriteLine($"run '{view.Record.Run}' is {RunsCommand.Word(view.Row)} after step {view.Record.Latest?.Step ?? 0:N0}.");
        return ExitCodes.Success;
    }
}
