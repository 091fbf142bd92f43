using System.CommandLine;
using System.Text.Json.Nodes;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt queue</c>: which runs wait, and why.</summary>
internal static class QueueCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "A JSON list." };
        var command = new Command("queue", "List the runs that wait for a device, first one first, and why.") { json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var rows = await client.Grains.GetGrain<IQueueGrain>(0).ListAsync();
            if (result.GetValue(json))
            {
                Console.Out.WriteLine(new JsonArray([.. rows.Select(r => new JsonObject
                {
                    ["run"] = Path.GetFileName(r.Run), ["priority"] = r.Priority, ["since"] = r.Since.ToString("O"), ["device"] = r.Device, ["reason"] = r.Reason, ["folder"] = r.Run,
                })]).ToJsonString(JsonOutput.Options));
            }
            else if (rows.Length == 0) Console.Error.WriteLine("no run waits.");
            else Table.Print(["run", "priority", "since", "device", "reason"], leftAligned: [0, 2, 3, 4], rows.Select(r => (string[])[Path.GetFileName(r.Run), $"{r.Priority}", $"{r.Since.ToLocalTime():yyyy-MM-dd HH:mm:ss}", r.Device, r.Reason]));
        });
        return command;
    }
}
