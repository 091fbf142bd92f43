using System.CommandLine;
using Dtt.Cli.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt pin RUN@STEP</c>: retention leaves the checkpoint alone.</summary>
internal static class PinCommand
{
    public static Command Create()
    {
        var checkpoint = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
        var off = new Option<bool>("--off") { Description = "Unpin it." };
        var command = new Command("pin", "Keep a checkpoint: retention leaves it alone.") { checkpoint, off };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view, found) = await RunLookup.FindCheckpointAsync(client, result.GetValue(checkpoint)!);
            await grain.PinAsync(found.Step, !result.GetValue(off));
            Console.Error.WriteLine($"checkpoint {found.Step:N0} of run '{view.Record.Run}' is {(result.GetValue(off) ? "not pinned any more" : "pinned")}.");
        });
        return command;
    }
}
