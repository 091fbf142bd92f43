using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt datasets</c>: raw text and tokens, and how far each is.</summary>
internal static class DatasetsCommand
{
    public static Command Create() => ListCommand.Create(
        new Command("datasets", "List the datasets, raw and tokenized, and their progress."),
        (client, _) => client.Grains.GetGrain<IPlatformGrain>(0).DatasetsAsync(),
        DatasetOutput.Of,
        JsonOutput.Records.DatasetOutputArray,
        jobs => Table.Print(
            jobs.Select(DatasetOutput.Of),
            new("dataset", j => j.Dataset),
            new("kind", j => j.What),
            new("stage", j => j.Stage),
            new("pieces", j => j.What == "raw" ? "" : $"{j.PiecesDone:N0}/{j.Pieces:N0}", Right: true),
            new("nodes", j => string.Join(", ", j.Nodes.Select(Share))),
            new("folder", j => j.Folder)),
        empty: "no datasets yet; start with `dtt download`.");

    private static string Share(NodeShareOutput node) =>
        $"{node.Node}: {node.Pieces:N0}" + (node.TokensPerSecond > 0 ? $" at {node.TokensPerSecond:N0} tok/s" : "");
}
