using System.CommandLine;
using Dtt.Abstractions.Configuration;
using Dtt.Data.Datasets;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt download</c>: raw text and its manifest.</summary>
internal static class DownloadCommand
{
    public static Command Create() =>
        StageCommand.Create("download", "Bring a dataset's raw text here: generate it, or find your files, and write a manifest.", tokenizer: false, Run);

    /// <summary>Runs the stage and says what it found done.</summary>
    public static void Run(LoadedConfig config, DatasetConfig dataset)
    {
        var (manifest, wasThere) = RawDataset.Prepare(dataset, config.Paths.Raw);
        Console.Error.WriteLine($"download: {config.Run.Dataset}, {manifest.Files.Count} file{(manifest.Files.Count == 1 ? "" : "s")}, {manifest.Bytes / 1e6:N1} MB {(wasThere ? "already here" : "ready")} ({config.Paths.Raw})");
    }
}
