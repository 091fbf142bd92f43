using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt queue</c>: which runs wait, and why.</summary>
internal static class QueueCommand
{
    public static Command Create() => ListCommand.Create(
        new Command("queue", "List the runs that are waiting for a device, in order, and why."),
        (client, _) => client.Grains.GetGrain<IQueueGrain>(0).ListAsync(),
        QueueOutput.Of,
        JsonOutput.Records.QueueOutputArray,
        rows => Table.Print(
            rows,
            new("run", r => Path.GetFileName(r.Run)),
            new("priority", r => $"{r.Priority}", Right: true),
            new("since", r => $"{r.Since.ToLocalTime():yyyy-MM-dd HH:mm:ss}"),
            new("device", r => r.Device),
            new("reason", r => r.Reason)),
        empty: "no runs are waiting.");
}
