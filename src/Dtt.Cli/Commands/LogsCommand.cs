using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt logs RUN</c>: what a run's rank printed, a line a step.</summary>
internal static class LogsCommand
{
    private static readonly TimeSpan _pollInterval = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var follow = new Option<bool>("--follow", "-f") { Description = "Keep printing as the log grows." };
        var attempt = new Option<int?>("--attempt") { Description = "Which attempt (default: the last).", HelpName = "N" };
        var rank = NumberOption.Create("Which rank of the attempt; 0 logs the steps.", 0, "--rank");
        var command = new Command("logs", "Print a run's log.") { run, follow, attempt, rank };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            var number = result.GetValue(attempt) ?? view.Record.CurrentAttempt;
            var of = result.GetValue(rank);
            if (!(await grain.ReadLogAsync(number, of, 0)).Exists)
            {
                var which = $"{(of > 0 ? $"rank {of} in " : "")}attempt {number}";
                throw new UserErrorException(
                    $"run '{view.Record.Run}' has no log of {which}; it has {view.Record.Attempts.Count} attempts.", ExitCodes.BadConfiguration);
            }

            await PrintAsync(grain, number, of, result.GetValue(follow), cancellation);
        });
        return command;
    }

    private static async Task PrintAsync(IRunGrain grain, int attempt, int rank, bool follow, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(_pollInterval);
        for (var offset = 0L; ;)
        {
            var more = follow && await grain.FindAsync() is { Record: var record }
                && record.CurrentAttempt == attempt && record.State is RunState.Preparing or RunState.Running;
            LogChunk chunk;
            do
            {
                chunk = await grain.ReadLogAsync(attempt, rank, offset);
                Console.Out.Write(chunk.Text);
                offset = chunk.Next;
            }
            while (chunk.Text.Length > 0);
            if (!more) return;
            await timer.WaitForNextTickAsync(cancellation);
        }
    }
}
