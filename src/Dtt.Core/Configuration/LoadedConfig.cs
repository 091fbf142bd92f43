namespace Dtt.Core.Configuration;

/// <summary>A checked configuration with where it came from and where its artefacts are.</summary>
public sealed record LoadedConfig
{
    /// <summary>The configuration.</summary>
    public required RunConfig Run { get; init; }

    /// <summary>The values behind it, each with its origin.</summary>
    public required ConfigValues Values { get; init; }

    /// <summary>The artefacts' folders; of a mixture, the raw text and tokens of its first dataset.</summary>
    public required ArtefactPaths Paths { get; init; }

    /// <summary>The same for each further dataset of a mixture, as if that were the run's only one.</summary>
    public IReadOnlyList<LoadedConfig> Others { get; init; } = [];

    /// <summary>The same for each dataset of the run.</summary>
    public IEnumerable<LoadedConfig> EachDataset => Others.Prepend(this);

    /// <summary>The token shards of the further datasets; null: there are none.</summary>
    public IReadOnlyList<string>? OtherTokensFolders => Others.Count == 0 ? null : [.. Others.Select(o => o.Paths.Tokens)];

    /// <summary>The file or folder of text that <c>dataset</c> named instead of a dataset, absolute, or null.</summary>
    public string? TextPath { get; init; }

    /// <summary>What the user should know though it is no error, one line each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}
