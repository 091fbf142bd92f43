using System.CommandLine;
using Dtt.Abstractions.Errors;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt logs RUN</c>: what a run's rank printed, a line a step.</summary>
internal static class LogsCommand
{
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on printing while the run is trained." };
        var attempt = new Option<int?>("--attempt") { Description = "Which attempt (default: the last).", HelpName = "N" };
        var command = new Command("logs", "Print the log of a run's rank.") { run, follow, attempt };
        command.SetAction(async (result, cancellation) =>
        {
            var store = RunArguments.Store();
            var record = RunArguments.Find(store, result.GetValue(run)!);
            var number = result.GetValue(attempt) ?? record.CurrentAttempt;
            var file = Path.Combine(store.FolderOf(record.Run), "logs", $"a{number:00}.log");
            if (!File.Exists(file)) throw new UserErrorException($"run '{record.Run}' has no log of an attempt {number}; it has {record.Attempts.Count} attempts.", ExitCodes.BadConfiguration);
            await PrintAsync(file, result.GetValue(follow) ? () => store.OwnerOf(record.Run) is not null : () => false, cancellation);
        });
        return command;
    }

    private static async Task PrintAsync(string file, Func<bool> goesOn, CancellationToken cancellation)
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        using var timer = new PeriodicTimer(_look);
        while (true)
        {
            var more = goesOn();
            Console.Out.Write(await reader.ReadToEndAsync(cancellation));
            if (!more) return;
            await timer.WaitForNextTickAsync(cancellation);
        }
    }
}
