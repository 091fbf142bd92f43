using System.CommandLine;
using Dtt.Cli.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt pin RUN@STEP</c>: retention never deletes the checkpoint.</summary>
internal static class PinCommand
{
    public static Command Create()
    {
        var checkpoint = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
        var off = new Option<bool>("--off") { Description = "Unpin it." };
        var command = new Command("pin", "Pin a checkpoint, so that retention never deletes it.") { checkpoint, off };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view, found) = await RunLookup.FindCheckpointAsync(client, result.GetValue(checkpoint)!);
            await grain.PinAsync(found.Step, !result.GetValue(off));
            Console.Error.WriteLine($"checkpoint {found.Step:N0} of run '{view.Record.Run}' is {(result.GetValue(off) ? "no longer pinned" : "pinned")}.");
        });
        return command;
    }
}
