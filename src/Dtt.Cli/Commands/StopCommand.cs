using System.CommandLine;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Dtt.Abstractions.Errors;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt stop RUN</c>: from another terminal, what Ctrl+C does in the run's own.</summary>
internal static partial class StopCommand
{
    private const int SigTerm = 15;
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(100);

    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var command = new Command("stop", "Stop a run that is being trained: it saves a checkpoint first.") { run };
        command.SetAction(async (result, cancellation) =>
        {
            var store = RunArguments.Store();
            var record = RunArguments.Find(store, result.GetValue(run)!);
            if (store.OwnerOf(record.Run) is not { } owner)
            {
                Console.Error.WriteLine($"run '{record.Run}' is not being trained: it is {record.State.ToString().ToLowerInvariant()}.");
                return ExitCodes.Success;
            }

            if (owner == 0 || Signal(owner, SigTerm) != 0)
                throw new UserErrorException($"run '{record.Run}' is trained by process {owner}, which takes no signal from here: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}.");
            using var timer = new PeriodicTimer(_look);
            while (store.OwnerOf(record.Run) == owner) await timer.WaitForNextTickAsync(cancellation);
            record = RunArguments.Find(store, record.Run);
            Console.Error.WriteLine($"run '{record.Run}' is {record.State.ToString().ToLowerInvariant()} after step {record.Latest?.Step ?? 0:N0}.");
            return ExitCodes.Success;
        });
        return command;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Signal(int process, int signal);
}
