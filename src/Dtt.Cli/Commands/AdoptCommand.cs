using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt adopt FOLDER</c>: a run's folder that was moved, copied, or is of another platform becomes a run of this one.</summary>
internal static class AdoptCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER") { Description = "A run's folder, wherever it came from." };
        var force = new Option<bool>("--force") { Description = "Take it also from a platform that trains it, as far as the folder knows." };
        var command = new Command("adopt", "Adopt a run's folder that was moved, copied, or is another platform's.") { folder, force };
        command.SetAction(async (result, cancellation) =>
        {
            var path = UserPath.Full(result.GetValue(folder)!);
            if (!Directory.Exists(path)) throw new UserErrorException($"there is no folder {path}.", ExitCodes.BadConfiguration);
            await using var client = await Platform.ConnectAsync(cancellation);
            var grain = client.Grains.Run(path);
            var adopted = await RunLookup.AdoptAsync(grain, path, result.GetValue(force));
            if (await grain.FindAsync() is not { } view) throw RunLookup.NoRun(path);
            if (!adopted) Console.Error.WriteLine($"the platform has run '{view.Record.Run}' already.");
            Console.Out.WriteLine(view.Record.Run);
            return ExitCodes.Success;
        });
        return command;
    }
}
